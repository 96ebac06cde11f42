import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { Upstream } from '../../../peers/founding/upstream.ts'
import { SILENCE_TIMEOUT_MS } from '../../../peers/network/constants.ts'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { silentPort, testNode, testNodes } from '../../support/nodes.ts'

const SILENT = 200
/** Linux has all of 127/8 on its loopback; elsewhere the silent ones share the address of the joiners. */
const OTHER_ADDRESS = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1'

interface Flood {
  count: number
  /** The address from which they come. */
  from: string
  /** Whether each is opened again when it was closed. */
  isStubborn: boolean
}

/** Opens sockets that say nothing. */
async function flood(context: TestContext, node: PeerNode, { count, from, isStubborn }: Flood): Promise<Set<Socket>> {
  const open = new Set<Socket>()
  let over = false
  const port = Number(/\/tcp\/(\d+)/.exec(node.listenAddresses()[0])?.[1])
  const begin = (): Socket => {
    const socket = createConnection({ port, host: '127.0.0.1', localAddress: from }).on('error', () => {})
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      if (isStubborn && !over) begin()
    })
    return socket
  }
  await Promise.all(Array.from({ length: count }, () => once(begin(), 'connect')))
  context.after(() => {
    over = true
    for (const socket of open) socket.destroy()
  })
  return open
}

/** Joins by the founder's address; returns how often a joiner said that it tries again. */
async function joinAll(joiners: PeerNode[], founder: PeerNode): Promise<number> {
  let retries = 0
  const address = multiaddr(founder.listenAddresses()[0])
  const signal = AbortSignal.timeout(10_000)
  await Promise.all(
    joiners.map((node) =>
      new Upstream({ node, address, clock: systemClock, onRetry: () => retries++ }).connect(signal),
    ),
  )
  return retries
}

test(`${SILENT} silent connections that come back again and again keep nobody at another address from joining`, async (context) => {
  const [founder, ...joiners] = await testNodes(context, 5)
  await flood(context, founder, { count: SILENT, from: OTHER_ADDRESS, isStubborn: true })
  await joinAll(joiners, founder)
})

test(`${SILENT} silent connections keep nobody from joining who shares their address`, async (context) => {
  const [founder, ...joiners] = await testNodes(context, 5)
  await flood(context, founder, { count: SILENT, from: '127.0.0.1', isStubborn: false })
  assert.ok((await joinAll(joiners, founder)) <= 4, 'a joiner says once that it tries again')
})

test('a silent connection is closed when the time for a handshake is over', async (context) => {
  const founder = await testNode(context, 0)
  const began = systemClock.now()
  const [socket] = await flood(context, founder, { count: 1, from: '127.0.0.1', isStubborn: false })
  await new Promise((resolve) => socket.once('close', resolve)) // it is reset, which `once` would take for a failure
  assert.ok(systemClock.now() - began < SILENCE_TIMEOUT_MS + 2000)
})

test('a connection that has spoken may take longer than a silent one', async (context) => {
  const founder = await testNode(context, 0)
  const [slow] = await flood(context, founder, { count: 1, from: '127.0.0.1', isStubborn: false })
  slow.write(Uint8Array.of(19)) // the length of the first line of multistream-select
  const [silent] = await flood(context, founder, { count: 1, from: '127.0.0.1', isStubborn: false })
  await new Promise((resolve) => silent.once('close', resolve))
  assert.equal(slow.readyState, 'open')
})

test('a joiner does not try again where nobody listens', async (context) => {
  const [founder, joiner] = await testNodes(context, 2)
  const at = founder.listenAddresses()[0].replace(/\/tcp\/\d+\//, `/tcp/${await silentPort(context)}/`)
  const onRetry = () => assert.fail('tries again')
  const upstream = new Upstream({ node: joiner, address: multiaddr(at), clock: systemClock, onRetry })
  await assert.rejects(upstream.connect(AbortSignal.timeout(10_000)), { code: 'NETWORK_UNREACHABLE' })
})
