/**
 * One answer of the blob protocol, from the frames that come to the chunks in the sink: frames -> pieces -> checked ->
 * sink. Each chunk is checked against the list, and the list against the blob's id, before either is used.
 */
import { pipe } from 'it-pipe'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES } from '../stream/constants.ts'
import { MalformedError } from '../stream/errors.ts'
import { nextFrame } from '../stream/frames.ts'
import { HASH_BYTES } from '../wire/encoding.ts'
import { type ChunkList, chunkCount, chunkLength, isChunkListOf, isChunkOf } from '../wire/hash.ts'
import { HASHES_PER_FRAME } from './constants.ts'
import { BlobTooLargeError, CorruptBlobError } from './errors.ts'
import type { BlobSink, FetchOptions } from './index.ts'
import { type BlobRequest, decodeAnswer } from './messages.ts'

/** The progress of a fetch. */
export interface BlobProgress {
  id: string
  list: ChunkList | null
  /** Chunks that are in the sink. */
  done: number
  sink: BlobSink | null
}

/** Our own disk failed, which is no neighbour's fault. */
export class SinkError extends Error {}

type Frames = AsyncGenerator<Uint8ArrayList>

/**
 * Takes the answer to a request. Chunks that came before something went wrong stay in the sink.
 * @throws {CorruptBlobError} the bytes are not those of the id
 * @throws {BlobTooLargeError} the blob is longer than allowed
 * @throws {SinkError} a chunk cannot be stored
 */
export async function receiveBlob(
  frames: Frames,
  request: BlobRequest,
  progress: BlobProgress,
  options: FetchOptions,
): Promise<'found' | 'not-yet'> {
  const answer = decodeAnswer((await nextFrame(frames, 'an answer')).slice())
  if (answer.status !== 'found') return 'not-yet'
  if (request.list) {
    progress.list = await takeList(frames, answer.byteLength, progress.id, options)
    progress.sink = await toSink(options.create(progress.list))
    progress.done = progress.sink.held
  }
  const { id, list, sink } = progress
  if (list === null || sink === null) throw new Error('chunks before their list')
  if (answer.byteLength !== list.byteLength) throw new CorruptBlobError(id, 'another length')
  // An earlier fetch has left more or less than was known: the next request asks for what is missing.
  if (progress.done !== request.from) return 'found'
  const end = Math.min(progress.done + request.count, chunkCount(list.byteLength))
  await pipe(
    pieces(frames, chunkLengths(list, progress.done, end), MAX_FRAME_BYTES),
    (chunks) => checked(chunks, id, list, progress.done),
    (chunks) => keep(chunks, sink, progress),
  )
  return 'found'
}

/** A server may exaggerate the length, so only a list that the id confirms convicts the author of too long a blob. */
async function takeList(frames: Frames, byteLength: number, id: string, { maxBytes }: FetchOptions) {
  const lengths = [chunkCount(byteLength) * HASH_BYTES]
  const hashes = await nextFrame(pieces(frames, lengths, HASHES_PER_FRAME * HASH_BYTES), 'a list')
  const list = { byteLength, hashes }
  if (!isChunkListOf(Buffer.from(id, 'hex'), list)) throw new CorruptBlobError(id, 'a wrong list')
  if (byteLength > maxBytes) throw new BlobTooLargeError(id, byteLength, maxBytes)
  return list
}

function* chunkLengths({ byteLength }: ChunkList, from: number, end: number): Generator<number> {
  for (let index = from; index < end; index++) yield chunkLength(byteLength, index)
}

/** Pieces of known lengths out of full frames and one last shorter one each. The frames behind them stay unread. */
async function* pieces(frames: Frames, lengths: Iterable<number>, frameBytes: number): AsyncGenerator<Uint8Array> {
  for (const length of lengths) {
    const whole = new Uint8Array(length)
    for (let at = 0; at < length; at += frameBytes) {
      const frame = await nextFrame(frames, `${length - at} more bytes`)
      const wanted = Math.min(frameBytes, length - at)
      if (frame.byteLength !== wanted) throw new MalformedError(`a frame of ${frame.byteLength} bytes, not ${wanted}`)
      copy(frame, whole, at)
    }
    yield whole
  }
}

function copy(parts: Iterable<Uint8Array>, whole: Uint8Array, at: number): void {
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
}

/** Passes chunks on after checking each against the list. @throws {CorruptBlobError} */
async function* checked(chunks: AsyncIterable<Uint8Array>, id: string, list: ChunkList, from: number) {
  let index = from
  for await (const chunk of chunks) {
    if (!isChunkOf(list, index, chunk)) {
      throw new CorruptBlobError(id, `chunk ${index} is not the one that the list names`)
    }
    yield chunk
    index++
  }
}

async function keep(chunks: AsyncIterable<Uint8Array>, sink: BlobSink, progress: BlobProgress): Promise<void> {
  for await (const chunk of chunks) {
    await toSink(sink.write(chunk))
    progress.done++
  }
}

/** @throws {SinkError} */
export async function toSink<T>(done: Promise<T>): Promise<T> {
  try {
    return await done
  } catch (error) {
    throw new SinkError('the blob cannot be stored', { cause: error })
  }
}
