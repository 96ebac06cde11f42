import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { closeRosters, connect, testNodes } from '../../../support/nodes.ts'

const PROTOCOL = '/coppice/packets/1'
const MESSAGES = 200
const MESSAGE_BYTES = 100
/** A header of yamux, and of Noise a length and a tag. */
const FRAME_BYTES = 12
const PACKET_BYTES = 2 + 16
/** Others may say something meanwhile: the heartbeats of yamux and gossip. */
const ASIDE_BYTES = 500

/** Sends messages over one stream to a node that does not answer; the bytes that each of both has sent by then. */
async function sending(context: TestContext, send: (stream: Stream) => Promise<void>): Promise<[number, number]> {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  closeRosters([a, b])
  let arrived = 0
  const all = Promise.withResolvers<void>()
  const onMessage = ({ data }: { data: { byteLength: number } }) => {
    arrived += data.byteLength
    if (arrived === MESSAGES * MESSAGE_BYTES) all.resolve()
  }
  const opened = Promise.withResolvers<Stream>()
  await a.handle(PROTOCOL, async (stream) => opened.resolve(stream), 1)
  const stream = await b.open(a.peerId, PROTOCOL, AbortSignal.timeout(10_000))
  const other = await opened.promise
  other.addEventListener('message', onMessage)
  const before = [b, a].map((node) => node.traffic().sentBytes)
  await send(stream)
  await all.promise
  const [sender, reader] = [b, a].map((node, i) => node.traffic().sentBytes - before[i])
  return [sender, reader]
}

test('frames of one turn of the event loop leave as one packet', async (context) => {
  const [sent] = await sending(context, async (stream) => {
    for (let i = 0; i < MESSAGES; i++) stream.send(new Uint8Array(MESSAGE_BYTES))
  })
  const least = MESSAGES * (MESSAGE_BYTES + FRAME_BYTES)
  assert.ok(sent < least + 10 * PACKET_BYTES + ASIDE_BYTES, `${sent} bytes, of which ${least} are frames`)
})

test('room in the window of a stream is not told for each message', async (context) => {
  const [sent, answered] = await sending(context, async (stream) => {
    for (let i = 0; i < MESSAGES; i++) {
      stream.send(new Uint8Array(MESSAGE_BYTES))
      await setImmediate()
    }
  })
  assert.ok(sent > MESSAGES * (MESSAGE_BYTES + FRAME_BYTES), `${sent} bytes`)
  assert.ok(answered < ASIDE_BYTES, `${answered} bytes from a node that has nothing to say`)
})

test('a stream that is closed in the turn in which its node stops ends in good order', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  closeRosters([a, b])
  const opened = Promise.withResolvers<Stream>()
  await a.handle(PROTOCOL, async (stream) => opened.resolve(stream), 1)
  const stream = await b.open(a.peerId, PROTOCOL, AbortSignal.timeout(10_000))
  const other = await opened.promise
  const heard: string[] = []
  other.addEventListener('message', ({ data }) => void heard.push(`${data.byteLength} bytes`))
  other.addEventListener('remoteCloseWrite', () => void heard.push('the end'))
  const closed = once(other, 'close')
  stream.send(new Uint8Array(MESSAGE_BYTES))
  await b.stop()
  await closed
  assert.deepEqual(heard, ['100 bytes', 'the end'])
})
