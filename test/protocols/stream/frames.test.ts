import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { MAX_FRAME_BYTES, READ_AHEAD_BYTES } from '../../../protocols/stream/constants.ts'
import { CutShortError, MalformedError, OversizeError } from '../../../protocols/stream/errors.ts'
import { FrameStream } from '../../../protocols/stream/frames.ts'
import { expectMessage, readMessage, writeMessage } from '../../../protocols/stream/messages.ts'
import { closeRosters, connect, testNodes } from '../../support/nodes.ts'

const PROTOCOL = '/coppice/test/1'

/** The two ends of a stream over TCP, Noise and yamux. */
async function streamPair(context: TestContext): Promise<[Stream, Stream]> {
  const [a, b] = await testNodes(context, 2)
  await connect(a, b)
  closeRosters([a, b])
  const arrived = Promise.withResolvers<Stream>()
  await b.handle(PROTOCOL, (stream) => arrived.resolve(stream), 4)
  const stream = await a.open(b.peerId, PROTOCOL, AbortSignal.timeout(5000))
  return [stream, await arrived.promise]
}

const framed = (stream: Stream, maxFrameBytes?: number) => {
  return new FrameStream(stream, { maxFrameBytes, signal: AbortSignal.timeout(10_000) })
}

test('frames of every size up to the limit arrive whole, then the end', async (context) => {
  const [near, far] = await streamPair(context)
  const [writer, reader] = [framed(near), framed(far)]
  const sizes = [0, 1, 127, 128, 16_383, 16_384, MAX_FRAME_BYTES]
  for (const size of sizes) await writer.write(new Uint8Array(size).fill(size))
  await assert.rejects(writer.write(new Uint8Array(MAX_FRAME_BYTES + 1)), OversizeError)
  await writer.close()
  for (const size of sizes) assert.equal((await reader.read())?.byteLength, size)
  assert.equal(await reader.read(), null)
})

test("a frame at the reader's own limit is read, one byte more is refused before it comes", async (context) => {
  const [near, far] = await streamPair(context)
  const [writer, reader] = [framed(near), framed(far, 10)]
  await writer.write(new Uint8Array(10))
  assert.equal((await reader.read())?.byteLength, 10)
  near.send(Uint8Array.of(11))
  await assert.rejects(reader.read(), OversizeError)
})

test('a stream that ends inside a frame, or a length that does not end, is an error', async (context) => {
  const [near, far] = await streamPair(context)
  near.send(Uint8Array.of(5, 1, 2))
  await near.close()
  await assert.rejects(framed(far).read(), CutShortError)
  const [other, end] = await streamPair(context)
  other.send(Uint8Array.of(0x80, 0x80, 0x80, 1))
  await assert.rejects(framed(end).read(), MalformedError)
})

test('a reader that lags holds a bounded number of bytes, and loses none', async (context) => {
  const [near, far] = await streamPair(context)
  const reader = framed(far)
  const writer = framed(near)
  const count = 100 // 6 MiB: more than the windows and buffers of both ends
  const written = (async () => {
    for (let i = 0; i < count; i++) await writer.write(new Uint8Array(MAX_FRAME_BYTES).fill(i))
    await writer.close()
  })()
  assert.equal((await reader.read())?.[0], 0)
  assert.ok(far.readBufferLength < 4 * 1024 * 1024)
  for (let i = 1; i < count; i++) assert.equal((await reader.read())?.[0], i, `frame ${i}`)
  assert.equal(await reader.read(), null)
  await written
  assert.ok(READ_AHEAD_BYTES < 1024 * 1024)
})

test('junk after the request is dropped once reading is closed', async (context) => {
  const [near, far] = await streamPair(context)
  const [writer, reader] = [framed(near), framed(far)]
  await writer.write(Uint8Array.of(1))
  assert.equal((await reader.read())?.byteLength, 1)
  await reader.closeRead()
  for (let i = 0; i < 200; i++) {
    await writer.write(new Uint8Array(MAX_FRAME_BYTES))
    assert.ok(near.writeBufferLength <= MAX_FRAME_BYTES + 3, `${near.writeBufferLength} bytes queued at frame ${i}`)
  }
  assert.equal(far.readBufferLength, 0)
  await reader.write(Uint8Array.of(2))
  assert.deepEqual(await writer.read(), Uint8Array.of(2))
})

test('an aborted signal ends reading and writing with its reason, and resets the other side', async (context) => {
  const [near, far] = await streamPair(context)
  const stop = new AbortController()
  const frames = new FrameStream(near, { signal: stop.signal })
  const reading = frames.read()
  const other = framed(far).read()
  stop.abort(new Error('enough'))
  await assert.rejects(reading, /enough/)
  await assert.rejects(frames.write(Uint8Array.of(1)), /enough/)
  await assert.rejects(other)
})

test('messages longer than a frame arrive whole; a length beyond the limit is refused before it is allocated', async (context) => {
  const [near, far] = await streamPair(context)
  const [writer, reader] = [framed(near), framed(far)]
  const long = new Uint8Array(3 * MAX_FRAME_BYTES + 1).map((_, i) => i)
  await writeMessage(writer, long)
  await writeMessage(writer, new Uint8Array())
  assert.deepEqual(await expectMessage(reader, long.length, 'a message'), long)
  assert.deepEqual(await readMessage(reader, 0), new Uint8Array())
  await writeMessage(writer, new Uint8Array(11))
  await assert.rejects(readMessage(reader, 10), OversizeError)
})

test('a message in frames that are not full is refused', async (context) => {
  const [near, far] = await streamPair(context)
  const [writer, reader] = [framed(near), framed(far)]
  await writer.write(Uint8Array.of(10, 0, 0, 0))
  await writer.write(new Uint8Array(5))
  await assert.rejects(readMessage(reader, 100), MalformedError)
})
