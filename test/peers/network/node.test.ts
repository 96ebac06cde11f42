import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PeerScore } from '@chainsafe/libp2p-gossipsub/score'
import { multiaddr } from '@multiformats/multiaddr'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import { startNode } from '../../../peers/network/node.ts'
import { CoppiceError } from '../../../src/base/errors.ts'
import {
  acquainted,
  closeRosters,
  connect,
  Inbox,
  LOOPBACK,
  meshOf,
  silentPort,
  testNode,
  testNodes,
  until,
} from '../../support/nodes.ts'

const TOPIC = '/coppice/test'
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

test('two nodes exchange gossip, and count what went over their sockets', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  closeRosters([a, b])
  const inbox = new Inbox<string>()
  a.joinTopic(TOPIC, (data) => {
    inbox.push(text(data))
    return 'accept'
  })
  b.joinTopic(TOPIC, () => 'accept')
  await acquainted(a, b)
  await b.publish(bytes('hello'))
  assert.equal(await inbox.next(), 'hello')
  assert.ok(a.traffic().receivedBytes > 500, 'a handshake alone is longer')
  await Promise.all([a.stop(), b.stop()])
  // Bytes that were on their way when the link was reset have been sent and not received.
  const lost = (sent: number, received: number) =>
    assert.ok(sent >= received && sent - received < 500, `${sent}, ${received}`)
  lost(a.traffic().sentBytes, b.traffic().receivedBytes)
  lost(b.traffic().sentBytes, a.traffic().receivedBytes)
})

test('refuses to send a message that would mute the link, and the link still works', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  closeRosters([a, b])
  const inbox = new Inbox<number>()
  a.joinTopic(TOPIC, (data) => {
    inbox.push(data.byteLength)
    return 'accept'
  })
  b.joinTopic(TOPIC, () => 'accept')
  await acquainted(a, b)
  await assert.rejects(b.publish(new Uint8Array(1025)), RangeError)
  await b.publish(new Uint8Array(1024))
  assert.equal(await inbox.next(), 1024)
  await b.publish(bytes('small'))
  assert.equal(await inbox.next(), 5)
})

test('messages that are too long are dropped unseen, and others on the link of their sender still arrive', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  closeRosters([a, b])
  const inbox = new Inbox<number>()
  a.joinTopic(TOPIC, (data) => {
    inbox.push(data.byteLength)
    return 'accept'
  })
  b.joinTopic(TOPIC, () => 'accept')
  await acquainted(a, b)
  // A liar's own node does not stop it.
  const { pubsub } = b.libp2p.services
  for (const size of [1025, 33 * 1024, 100_000]) await pubsub.publish(TOPIC, new Uint8Array(size))
  await b.publish(new Uint8Array(1024))
  assert.equal(await inbox.next(), 1024)
})

test('a message that is not accepted is not forwarded', async (context) => {
  const [a, b, c] = await testNodes(context, 3)
  await connect(a, b)
  await connect(c, b)
  closeRosters([a, b, c])
  const inbox = new Inbox<string>()
  const mesh = meshOf(b)
  a.joinTopic(TOPIC, () => 'accept')
  b.joinTopic(TOPIC, (data) => (text(data) === 'bad' ? 'reject' : 'accept'))
  c.joinTopic(TOPIC, (data) => {
    inbox.push(text(data))
    return 'accept'
  })
  await acquainted(a, b)
  await until(b, () => mesh.size === 2)
  await a.publish(bytes('bad'))
  await a.publish(bytes('good'))
  assert.equal(await inbox.next(), 'good')
})

test('sixteen nodes that join at once all connect and all hear everything', async (context) => {
  const nodes = await testNodes(context, 16)
  const [founder, ...others] = nodes
  await Promise.all(others.map((node) => connect(node, founder)))
  await until(founder, () => founder.libp2p.getPeers().length === 15)
  closeRosters(nodes)
  const heard = new Map<string, number>()
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const node of nodes) {
    node.joinTopic(TOPIC, () => {
      heard.set(node.peerId, (heard.get(node.peerId) ?? 0) + 1)
      if (heard.size === 16 && [...heard.values()].every((count) => count === 15)) resolve()
      return 'accept'
    })
  }
  await until(founder, () => founder.subscribers().length === 15)
  await Promise.all(others.map((node) => until(node, () => node.subscribers().length === 1)))
  await Promise.all(nodes.map((node) => node.publish(bytes(`from ${node.peerId}`))))
  await promise
})

test('a member of a large federation forwards gossip to few, although its node began before it knew how many they are', async (context) => {
  const [hub, ...others] = await testNodes(context, 8, { members: 0 })
  await Promise.all(others.map((node) => connect(node, hub)))
  const absent = Array.from({ length: 9 }, (_, i) => `member ${i}`)
  for (const node of [hub, ...others]) node.closeRoster([hub, ...others].map(({ peerId }) => peerId).concat(absent))
  const mesh = meshOf(hub)
  for (const node of [hub, ...others]) node.joinTopic(TOPIC, () => 'accept')
  await until(hub, () => hub.subscribers().length === others.length)
  await Promise.all(others.map((node) => until(node, () => node.subscribers().length === 1)))
  assert.ok(mesh.size <= 4, `${mesh.size} of ${others.length}`)
})

test('a port in use is a network error', async (context) => {
  const node = await testNode(context, 0)
  const listen = node.listenAddresses()[0].replace(/\/p2p\/.*/, '')
  const privateKey = await identityFromSeed('other', 1)
  await assert.rejects(startNode({ privateKey, members: 2, listen }), (error) => {
    assert.ok(error instanceof CoppiceError)
    assert.equal(error.exit, 5)
    assert.match(error.message, /port is in use/)
    return true
  })
})

test('an address where nobody answers, or somebody else, is a network error', async (context) => {
  const [a, b] = await testNodes(context, 2)
  const stranger = await testNode(context, 7)
  const signal = AbortSignal.timeout(10_000)
  const [at] = a.listenAddresses()
  const wrong = at.replace(a.peerId, stranger.peerId)
  const silent = at.replace(/\/tcp\/\d+\//, `/tcp/${await silentPort(context)}/`)
  await assert.rejects(b.dial(multiaddr(silent), signal), { code: 'NETWORK_UNREACHABLE', exit: 5 })
  const elsewhere = stranger.listenAddresses()[0].replace(stranger.peerId, a.peerId)
  await assert.rejects(b.dial(multiaddr(elsewhere), signal), { code: 'NETWORK_OTHER_PEER', exit: 5 })
  await assert.rejects(b.dial(multiaddr(wrong), AbortSignal.abort(new Error('stopped'))), /stopped/)
})

test('an address that is none is a usage error', async () => {
  const privateKey = await identityFromSeed('usage', 0)
  for (const listen of ['nonsense', '/ip4/1.2.3.4', '/ip4/1.2.3.4/udp/1']) {
    await assert.rejects(startNode({ privateKey, members: 2, listen }), { exit: 2 }, listen)
  }
})

test('prints an announced address instead of its own, and nothing without listening', async (context) => {
  const announced = await testNode(context, 0, { listen: LOOPBACK, announce: '/dns4/peer.example.org/tcp/4001' })
  assert.deepEqual(announced.printableAddresses(), [`/dns4/peer.example.org/tcp/4001/p2p/${announced.peerId}`])
  const silent = await testNode(context, 1, { listen: null })
  assert.deepEqual(silent.printableAddresses(), [])
})

test('members stay and strangers cannot be dialled once there is a roster', async (context) => {
  const [a, b, stranger] = await testNodes(context, 3)
  closeRosters([a, b])
  await connect(b, a)
  await assert.rejects(connect(a, stranger))
  await connect(stranger, a)
  await until(a, () => a.strangers().length === 1)
  assert.deepEqual([...a.neighbours().keys()], [b.peerId])
})

test('a neighbour whose messages are rejected loses its score, and others do not', async (context) => {
  const [a, b, c] = await testNodes(context, 3)
  await connect(b, a)
  await connect(c, a)
  closeRosters([a, b, c])
  const inbox = new Inbox<string>()
  a.joinTopic(TOPIC, (data) => {
    inbox.push(text(data))
    return text(data).startsWith('bad') ? 'reject' : 'accept'
  })
  for (const node of [b, c]) node.joinTopic(TOPIC, () => 'accept')
  await acquainted(a, b)
  await acquainted(a, c)
  for (let i = 0; i < 20; i++) await b.publish(bytes(`bad ${i}`))
  for (let i = 0; i < 20; i++) await c.publish(bytes(`good ${i}`))
  for (let i = 0; i < 40; i++) await inbox.next()
  const { pubsub } = a.libp2p.services
  assert.ok('score' in pubsub && pubsub.score instanceof PeerScore)
  pubsub.score.scoreCache.clear()
  assert.ok(pubsub.score.score(b.peerId) < -80, `${pubsub.score.score(b.peerId)}`) // gossipsub's own bound to be heard
  assert.equal(pubsub.score.score(c.peerId), 0)
})

test('a member that was shown out does not come back', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  closeRosters([a, b])
  const gone = Promise.withResolvers<void>()
  b.libp2p.addEventListener('peer:disconnect', () => gone.resolve())
  await a.shun(b.peerId)
  await gone.promise
  await assert.rejects(connect(a, b))
  await connect(b, a).catch(() => undefined) // b may take the handshake for done before it is cut off
  assert.deepEqual([...a.neighbours().keys()], [])
})
