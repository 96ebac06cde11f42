import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pipe } from 'it-pipe'
import { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES } from '../../../protocols/stream/constants.ts'
import { Duplex } from '../../../protocols/stream/duplex.ts'
import { CutShortError, MalformedError, OversizeError } from '../../../protocols/stream/errors.ts'
import { decodeFrames, encodeFrames } from '../../../protocols/stream/frames.ts'
import { closeRosters, connect, testNodes } from '../../support/nodes.ts'

const PROTOCOL = '/coppice/test/1'

async function allOf(pieces: readonly Uint8Array[], maxFrameBytes?: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  const lists = pieces.map((piece) => new Uint8ArrayList(piece))
  for await (const frame of decodeFrames(lists, maxFrameBytes)) frames.push(frame.slice())
  return frames
}

test('frames come out of a pipe as they went in, wherever the network cuts them', async () => {
  const anyFrame = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.integer({ min: 125, max: 130 }).map((n) => new Uint8Array(n)),
  )
  const property = fc.asyncProperty(
    fc.array(anyFrame),
    fc.infiniteStream(fc.nat({ max: 9 })),
    async (frames, sizes) => {
      const encoded = new Uint8ArrayList()
      for await (const bytes of encodeFrames(frames)) encoded.append(bytes)
      const bytes = encoded.slice()
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.byteLength; at += pieces.at(-1)?.byteLength ?? 0) {
        pieces.push(bytes.subarray(at, at + 1 + (sizes.next().value ?? 0)))
      }
      assert.deepEqual(await allOf(pieces), frames)
    },
  )
  await fc.assert(property, { numRuns: 50 })
})

const hostile: { name: string; bytes: number[]; error: new (...args: never[]) => Error }[] = [
  { name: 'ends behind a length', bytes: [5], error: CutShortError },
  { name: 'ends inside a length', bytes: [0x80], error: CutShortError },
  { name: 'ends inside a frame', bytes: [1, 7, 2, 8], error: CutShortError },
  { name: 'is one byte too long', bytes: [11], error: OversizeError },
  { name: 'has a length that does not end', bytes: [0x80, 0x80, 0x80, 0], error: MalformedError },
]
for (const { name, bytes, error } of hostile) {
  test(`a sequence of frames that ${name} is refused`, async () => {
    await assert.rejects(allOf([Uint8Array.from(bytes)], 10), error)
  })
}

test('a length may be written with more bytes than it needs', async () => {
  assert.deepEqual(await allOf([Uint8Array.of(0x80, 0x00, 0x81, 0x00, 9)]), [new Uint8Array(), Uint8Array.of(9)])
})

test('no frame beyond the limit is sent', async () => {
  const frames = encodeFrames([new Uint8Array(MAX_FRAME_BYTES + 1)])
  await assert.rejects(frames.next(), OversizeError)
})

test('a duplex passes a stream on to its end, and tells whoever waits that it was let go of', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(a, b)
  closeRosters([a, b])
  const { signal } = new AbortController()
  await b.handle(PROTOCOL, (stream) => pipe(new Duplex(stream, signal), new Duplex(stream, signal)), 4)
  const near = new Duplex(await a.open(b.peerId, PROTOCOL, signal), signal)
  const sent = new Uint8Array(3 * MAX_FRAME_BYTES).map((_, i) => i)
  const come = new Uint8ArrayList()
  const listen = async () => {
    for await (const bytes of near.source) come.append(bytes)
  }
  await Promise.all([pipe([sent], near), listen()])
  assert.deepEqual(come.slice(), sent)
  const other = new Duplex(await a.open(b.peerId, PROTOCOL, signal), signal)
  const waiting = other.source.next()
  other.release()
  await assert.rejects(waiting, CutShortError)
})
