/** Real nodes on loopback for tests; every test that starts one ends it. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { FEDERATIONS_NAME } from '../../peers/disk/data-directory.ts'
import { identityFromSeed } from '../../peers/disk/identity.ts'
import { type NodeInit, type PeerNode, startNode } from '../../peers/network/node.ts'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

/** A directory that is removed after the test. */
export async function temporaryDirectory(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'coppice-test-'))
  context.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A node on loopback that is stopped after the test. */
export async function testNode(context: TestContext, index: number, init: Partial<NodeInit> = {}): Promise<PeerNode> {
  const privateKey = await identityFromSeed(context.name, index)
  const node = await startNode({ privateKey, members: 4, listen: LOOPBACK, ...init })
  context.after(() => node.stop())
  return node
}

export async function testNodes(
  context: TestContext,
  count: number,
  init: Partial<NodeInit> = {},
): Promise<PeerNode[]> {
  const nodes: PeerNode[] = []
  for (let i = 0; i < count; i++) nodes.push(await testNode(context, i, { members: count, ...init }))
  return nodes
}

/**
 * A port of loopback where nobody listens, and nobody can until the test is over: a connection comes from it. One that
 * was only closed is given to the next that asks, which may be a peer of another test.
 */
export async function silentPort(context: TestContext): Promise<number> {
  const server = createServer((accepted) => accepted.resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const socket = createConnection(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1')
  await once(socket, 'connect')
  context.after(() => {
    socket.destroy()
    server.close()
  })
  return socket.localPort ?? 0
}

/** Dials one from the other. */
export async function connect(from: PeerNode, to: PeerNode): Promise<void> {
  await from.dial(multiaddr(to.listenAddresses()[0]), AbortSignal.timeout(10_000))
}

/** All nodes are members, and no others. */
export function closeRosters(nodes: PeerNode[]): void {
  for (const node of nodes) node.closeRoster(nodes.map(({ peerId }) => peerId))
}

/** Resolves when an event of a node has made the condition true; it is looked at on every event, never by the clock. */
export async function until(node: PeerNode, condition: () => boolean): Promise<void> {
  const { pubsub } = node.libp2p.services
  if (condition()) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    if (condition()) resolve()
  }
  pubsub.addEventListener('subscription-change', look)
  pubsub.addEventListener('gossipsub:graft', look)
  node.libp2p.addEventListener('connection:open', look)
  await promise
  pubsub.removeEventListener('subscription-change', look)
  pubsub.removeEventListener('gossipsub:graft', look)
  node.libp2p.removeEventListener('connection:open', look)
}

/**
 * Resolves when gossip goes both ways between two nodes: each has heard of the other's topic, on the stream that brings
 * its messages. A node that has only heard of it itself may have no such stream yet, and what it sends is lost.
 */
export async function acquainted(a: PeerNode, b: PeerNode): Promise<void> {
  const hasHeard = (node: PeerNode, other: PeerNode) =>
    until(node, () => node.subscribers().some((peer) => peer.toString() === other.peerId))
  await Promise.all([hasHeard(a, b), hasHeard(b, a)])
}

/** Members whose mesh link to a node has been made; a message before that may be lost to them. Call before joining. */
export function meshOf(node: PeerNode): ReadonlySet<string> {
  const mesh = new Set<string>()
  node.libp2p.services.pubsub.addEventListener('gossipsub:graft', ({ detail }) => mesh.add(detail.peerId))
  node.libp2p.services.pubsub.addEventListener('gossipsub:prune', ({ detail }) => mesh.delete(detail.peerId))
  return mesh
}

/** A queue whose reader waits for the next item. */
export class Inbox<T> {
  private readonly items: T[] = []
  private readonly readers: Array<(item: T) => void> = []
  push(item: T): void {
    const reader = this.readers.shift()
    if (reader) reader(item)
    else this.items.push(item)
  }
  async next(): Promise<T> {
    if (this.items.length > 0) return this.items.splice(0, 1)[0]
    return new Promise((resolve) => this.readers.push(resolve))
  }
}

/** The directory of the only federation that a data directory has. */
export async function onlyFederation(data: string): Promise<string> {
  const [id, ...more] = await readdir(join(data, FEDERATIONS_NAME))
  assert.deepEqual([id.length, more], [64, []])
  return join(data, FEDERATIONS_NAME, id)
}
