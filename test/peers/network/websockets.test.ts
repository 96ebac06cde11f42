import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect as connectTo, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { multiaddr } from '@multiformats/multiaddr'
import { WebSocket } from 'ws'
import { MAX_WEBSOCKET_MESSAGE_BYTES, SILENCE_TIMEOUT_MS } from '../../../peers/network/constants.ts'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { LOOPBACK, silentPort, temporaryDirectory, testNode } from '../../support/nodes.ts'
import { makeCertificate, needsCertificates } from '../../support/proxies/certificate.ts'
import { connectProxy } from '../../support/proxies/connect-proxy.ts'
import { reverseProxy } from '../../support/proxies/reverse-proxy.ts'

const WEBSOCKET = `${LOOPBACK}/ws`
const SENT = 3 * 2 ** 20
const ECHO = '/coppice/test/echo'
const soon = () => AbortSignal.timeout(10_000)

/** The port on which a node listens for WebSockets. */
const portOf = (node: PeerNode) => node.port() ?? 0

/** Has a server listen on loopback until the test ends; returns its port. */
async function listening(context: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => open.add(socket))
  context.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** Sends many bytes to a node, as fast as they leave; resolves when all have come there. */
async function send(from: PeerNode, to: PeerNode): Promise<void> {
  const done = Promise.withResolvers<void>()
  let come = 0
  await to.handle(
    ECHO,
    (stream) => {
      stream.addEventListener('message', ({ data }) => {
        come += data.byteLength
        if (come === SENT) done.resolve()
      })
    },
    1,
  )
  for (const node of [from, to]) node.closeRoster([from.peerId, to.peerId])
  const stream = await from.open(to.peerId, ECHO, soon())
  const piece = new Uint8Array(2 ** 16)
  for (let at = 0; at < SENT; at += piece.byteLength) if (!stream.send(piece)) await once(stream, 'drain')
  await done.promise
}

test('two nodes speak over a WebSocket, and count the bytes of its socket at both ends', async (context) => {
  const listener = await testNode(context, 0, { listen: WEBSOCKET })
  const dialler = await testNode(context, 1, { listen: null })
  const [address] = listener.listenAddresses()
  assert.match(address, /\/tcp\/\d+\/ws\/p2p\//)
  await dialler.dial(multiaddr(address), soon())
  await send(dialler, listener)
  const [there, here] = [listener.traffic(), dialler.traffic()]
  const underWay = [here.sentBytes - there.receivedBytes, there.sentBytes - here.receivedBytes]
  assert.ok(Math.max(...underWay.map(Math.abs)) < 2000, `${underWay}`)
  assert.ok(here.sentBytes > SENT && here.sentBytes < 1.02 * SENT, `${here.sentBytes} bytes for ${SENT}`)
})

test('a member that is shown out over a WebSocket is disconnected at once', async (context) => {
  const listener = await testNode(context, 0, { listen: WEBSOCKET })
  const dialler = await testNode(context, 1, { listen: null })
  const come = once(listener.libp2p, 'connection:open')
  await dialler.dial(multiaddr(listener.listenAddresses()[0]), soon())
  await come
  const gone = once(dialler.libp2p, 'peer:disconnect')
  const [connection] = listener.libp2p.getConnections()
  connection.abort(new Error('shown out'))
  await gone
  assert.deepEqual(dialler.libp2p.getConnections(), [])
})

/** Has a stranger speak at a WebSocket listener, and waits until it is cut off. */
async function cutOff(node: PeerNode, speak: (socket: Socket) => void): Promise<void> {
  const socket = connectTo(portOf(node), '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  speak(socket)
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

test('strangers that say nothing, half of something or nonsense at a WebSocket listener are cut off', async (context) => {
  const node = await testNode(context, 0, { listen: WEBSOCKET })
  const began = systemClock.now()
  const hostile: Record<string, (socket: Socket) => void> = {
    silence: () => {},
    'half a request': (socket) => socket.write(UPGRADE.slice(0, 40)),
    'a page is asked for': (socket) => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    TLS: (socket) => socket.write(Uint8Array.of(22, 3, 1, 0, 1)),
    'no HTTP': (socket) => socket.write('\r\n\r\nnonsense\r\n\r\n'),
    'a frame with reserved bits': (socket) =>
      socket.write(Buffer.concat([Buffer.from(UPGRADE), Buffer.of(0xf2, 0x80, 0, 0, 0, 0)])),
    'a frame without a mask': (socket) =>
      socket.write(Buffer.concat([Buffer.from(UPGRADE), Buffer.of(0x82, 0x01, 0x00)])),
    'a message of text': (socket) =>
      socket.write(Buffer.concat([Buffer.from(UPGRADE), Buffer.of(0x81, 0x81, 0, 0, 0, 0, 0xff)])),
    'an end without a beginning': (socket) => socket.end(),
  }
  await Promise.all(Object.values(hostile).map((speak) => cutOff(node, speak)))
  assert.ok(systemClock.now() - began < SILENCE_TIMEOUT_MS + 2000)
  const joiner = await testNode(context, 1, { listen: null })
  await joiner.dial(multiaddr(node.listenAddresses()[0]), soon())
})

test('a message longer than any of ours is not gathered', async (context) => {
  const node = await testNode(context, 0, { listen: WEBSOCKET })
  const stranger = new WebSocket(`ws://127.0.0.1:${portOf(node)}`).on('error', () => {})
  await once(stranger, 'open')
  stranger.send(new Uint8Array(MAX_WEBSOCKET_MESSAGE_BYTES + 1))
  const [code] = await once(stranger, 'close')
  assert.equal(code, 1009)
})

test('a node with a WebSocket listener stops at once, whoever is connected to it', async (context) => {
  const node = await testNode(context, 0, { listen: WEBSOCKET })
  const silent = connectTo(portOf(node), '127.0.0.1').on('error', () => {})
  await once(silent, 'connect')
  const stranger = new WebSocket(`ws://127.0.0.1:${portOf(node)}`).on('error', () => {})
  await once(stranger, 'open')
  const began = systemClock.now()
  await node.stop()
  assert.ok(systemClock.now() - began < 1000)
})

test('200 silent connections through a reverse proxy keep nobody from joining who comes by the same', async (context) => {
  const node = await testNode(context, 0, { listen: WEBSOCKET })
  const silent = Array.from({ length: 200 }, () => connectTo(portOf(node), '127.0.0.1').on('error', () => {}))
  context.after(() => silent.forEach((socket) => void socket.destroy()))
  await Promise.all(silent.map((socket) => once(socket, 'connect')))
  for (let i = 1; i <= 4; i++) {
    const joiner = await testNode(context, i, { listen: null })
    await joiner.dial(multiaddr(node.listenAddresses()[0]), soon())
  }
})

test('a member takes part through the reverse proxy of a house and a CONNECT proxy, once the certificate is trusted', {
  skip: needsCertificates(),
}, async (context) => {
  const listener = await testNode(context, 0, { listen: WEBSOCKET })
  const certificate = makeCertificate(await temporaryDirectory(context), ['DNS:localhost', 'IP:127.0.0.1'])
  const port = await listening(context, reverseProxy(certificate, portOf(listener)))
  const asked: string[] = []
  const proxyPort = await listening(
    context,
    connectProxy({
      allows: (to) => to === port,
      password: 'north:secret',
      onAnswer: (to, status) => asked.push(`${to} ${status}`),
    }),
  )
  const at = (host: string, to: number) => multiaddr(`${host}/tcp/${to}/tls/ws/p2p/${listener.peerId}`)
  const address = at('/dns4/localhost', port)
  const proxy = new URL(`http://north:secret@127.0.0.1:${proxyPort}`)
  const direct = await testNode(context, 1, { listen: null })
  const behind = await testNode(context, 2, { listen: null, proxy })
  for (const node of [direct, behind])
    await assert.rejects(node.dial(address, soon()), { code: 'NETWORK_CERTIFICATE', exit: 5 })

  const trusted = getCACertificates('default')
  context.after(() => setDefaultCACertificates(trusted))
  setDefaultCACertificates([...trusted, readFileSync(certificate.cert, 'utf8')])
  await direct.dial(address, soon())
  await behind.dial(at('/ip4/127.0.0.1', port), soon())
  await send(behind, listener)
  assert.equal(asked.at(-1), `127.0.0.1:${port} 200`)
  assert.ok(behind.traffic().sentBytes > SENT && behind.traffic().sentBytes < 1.03 * SENT)

  const refused = { code: 'NETWORK_PROXY', exit: 5 }
  const other = await testNode(context, 5, { listen: null, proxy })
  await assert.rejects(other.dial(at('/ip4/127.0.0.1', proxyPort), soon()), { ...refused, message: /HTTP 403/ })
  const anonymous = await testNode(context, 3, { listen: null, proxy: new URL(`http://127.0.0.1:${proxyPort}`) })
  await assert.rejects(anonymous.dial(address, soon()), { ...refused, message: /HTTP 407/ })
  const lost = await testNode(context, 4, {
    listen: null,
    proxy: new URL(`http://127.0.0.1:${await silentPort(context)}`),
  })
  await assert.rejects(lost.dial(address, soon()), { ...refused, message: /ECONNREFUSED/ })
  await listener.stop()
  await assert.rejects(other.dial(address, soon()), { code: 'NETWORK_UNREACHABLE' })
})
