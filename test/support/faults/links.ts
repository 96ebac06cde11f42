/** Links that go through a TCP proxy of this process, so that a test can make them one-way or slow. */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { peerIdOfAddress } from '../../../peers/network/addresses.ts'
import type { PeerNode } from '../../../peers/network/node.ts'

/** The bytes that a proxy passes on at once: few, so that a slow link is slow and not jerky. */
const PIECE_BYTES = 4096

/** One direction of a link. A test may change it at any time. */
export interface Way {
  /** Whatever comes is thrown away, in silence. */
  isMute: boolean
  /** null: as fast as it comes. */
  bytesASecond: number | null
  /** The bytes that have come. */
  bytes: number
}

export function openWay(bytesASecond: number | null = null): Way {
  return { isMute: false, bytesASecond, bytes: 0 }
}

/**
 * Sends all that a node dials of one peer through a proxy.
 * @param there - the bytes of the node that dials
 * @param back - the bytes of the peer that it dials
 */
export function detour(context: TestContext, node: PeerNode, peer: string, there: Way, back: Way): void {
  const through = async (address: Multiaddr): Promise<Multiaddr> => {
    if (peerIdOfAddress(address) !== peer) return address
    const [, port] = /\/tcp\/(\d+)/.exec(address.toString()) ?? []
    const other = await proxyTo(context, Number(port), there, back)
    return multiaddr(address.toString().replace(`/tcp/${port}`, `/tcp/${other}`))
  }
  const [dial, dialAny] = [node.dial.bind(node), node.dialAny.bind(node)]
  node.dial = async (address, signal) => dial(await through(address), signal)
  node.dialAny = async (addresses, signal) => dialAny(await Promise.all(addresses.map(through)), signal)
}

/** Listens on loopback, and passes on to another port of it. Returns its own port. */
async function proxyTo(context: TestContext, port: number, there: Way, back: Way): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((accepted) => {
    const onward = createConnection(port, '127.0.0.1')
    sockets.push(accepted, onward)
    for (const [from, to, way] of [
      [accepted, onward, there],
      [onward, accepted, back],
    ] as const) {
      carry(from, to, way)
        .catch(() => undefined) // one of the two was cut off
        .finally(() => to.destroy())
    }
  }).listen(0, '127.0.0.1')
  context.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function carry(from: Socket, to: Socket, way: Way): Promise<void> {
  to.on('error', () => from.destroy())
  for await (const bytes of from as AsyncIterable<Buffer>) {
    way.bytes += bytes.length
    for (let at = 0; at < bytes.length && !way.isMute; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES)
      if (way.bytesASecond !== null) await setTimeout((1000 * piece.length) / way.bytesASecond)
      if (!to.write(piece)) await once(to, 'drain')
    }
  }
}
