/**
 * Pulls blobs. Neighbours are asked in random order, the author first; one that is slow, broken or lying is left for
 * another, and what has been checked is kept. Where nobody has the blob yet, all are asked again later, until the
 * caller gives up.
 */
import type { Stream } from '@libp2p/interface'
import { MAX_FRAME_BYTES } from '../stream/constants.ts'
import { MalformedError } from '../stream/errors.ts'
import { FrameStream } from '../stream/frames.ts'
import { fromHex, HASH_BYTES } from '../wire/encoding.ts'
import { type ChunkList, chunkCount, chunkLength, isChunkListOf, isChunkOf } from '../wire/hash.ts'
import * as limits from './constants.ts'
import { BlobTooLargeError, CorruptBlobError } from './errors.ts'
import type { BlobClientComponents, BlobSink, FetchOptions } from './index.ts'
import { type BlobRequest, decodeAnswer, encodeRequest } from './messages.ts'
import { Neighbourhood } from './neighbourhood.ts'

export interface BlobClient {
  /**
   * Resolves when the whole blob is in the sink.
   * @throws {BlobTooLargeError} it is longer than allowed: its author's fault
   * @throws what the sink throws
   * @throws the signal's reason
   */
  fetch(id: string, options: FetchOptions): Promise<void>
  /** Something has changed (a new neighbour, a new message): ask again now what nobody had. */
  wake(): void
}

export function blobClient(components: BlobClientComponents): BlobClient {
  return new Client(components)
}

/** How far a fetch has come. */
interface Progress {
  id: string
  list: ChunkList | null
  /** Chunks that are in the sink. */
  done: number
  sink: BlobSink | null
}

type Outcome = 'complete' | 'not-yet' | 'failed'

class Client implements BlobClient {
  private readonly components: BlobClientComponents
  private readonly neighbourhood: Neighbourhood
  private waiting = new Set<() => void>()

  constructor(components: BlobClientComponents) {
    this.components = components
    this.neighbourhood = new Neighbourhood(components)
  }

  wake(): void {
    for (const wake of this.waiting) wake()
  }

  async fetch(id: string, options: FetchOptions): Promise<void> {
    const progress: Progress = { id, list: null, done: 0, sink: null }
    try {
      for (let pause = limits.RETRY_MS; ; pause = Math.min(2 * pause, limits.MAX_RETRY_MS)) {
        const before = progress.done
        if (await this.askAll(progress, options)) return
        if (progress.done > before) pause = limits.RETRY_MS
        await this.pauseOrWake(pause, options.signal)
      }
    } catch (error) {
      await progress.sink?.discard()
      throw error instanceof SinkError ? error.cause : error
    }
  }

  /** Asks every neighbour once; true when the blob is complete. */
  private async askAll(progress: Progress, options: FetchOptions): Promise<boolean> {
    const asked = new Set<string>()
    for (;;) {
      const peer = await this.neighbourhood.take(asked, options.author, options.signal)
      if (peer === null) return false
      asked.add(peer)
      try {
        if ((await this.askOne(peer, progress, options)) === 'complete') return true
      } finally {
        this.neighbourhood.give(peer)
      }
    }
  }

  /** As much as one neighbour gives. */
  private async askOne(peer: string, progress: Progress, options: FetchOptions): Promise<Outcome> {
    try {
      for (;;) {
        const before = progress.done
        const outcome = await this.request(peer, progress, options)
        if (outcome === 'not-yet') return 'not-yet'
        this.neighbourhood.succeeded(peer)
        if (await this.finish(progress)) return 'complete'
        if (progress.done === before) return 'failed'
      }
    } catch (error) {
      options.signal.throwIfAborted()
      if (error instanceof BlobTooLargeError || error instanceof SinkError) throw error
      if (error instanceof CorruptBlobError) {
        this.neighbourhood.lied(peer)
        this.components.onLiar?.(peer, error)
      } else {
        this.neighbourhood.failed(peer)
      }
      return 'failed'
    }
  }

  private async finish({ id, list, done, sink }: Progress): Promise<boolean> {
    if (list === null || sink === null || done < chunkCount(list.byteLength)) return false
    await toSink(sink.commit(id, list))
    return true
  }

  /** One stream: the list where it is not known yet, and the next chunks. */
  private async request(peer: string, progress: Progress, options: FetchOptions): Promise<'found' | 'not-yet'> {
    using deadline = this.components.clock.deadline(limits.PROGRESS_TIMEOUT_MS, options.signal)
    const stream = await this.components.open(peer, deadline.signal)
    const frames = new FrameStream(stream, { signal: deadline.signal })
    try {
      const request = nextRequest(progress)
      await frames.write(encodeRequest(request))
      await frames.close()
      const answer = decodeAnswer(await frames.expect('an answer'))
      deadline.restart()
      if (answer.status !== 'found') return 'not-yet'
      const reader = new PieceReader(frames, () => deadline.restart())
      if (request.list) await takeList(reader, answer.byteLength, progress, options)
      if (answer.byteLength !== progress.list?.byteLength) throw new CorruptBlobError(progress.id, 'another length')
      await takeChunks(reader, request.count, progress)
      return 'found'
    } finally {
      abandon(stream, frames)
    }
  }

  private async pauseOrWake(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.components
    const woken = new AbortController()
    const wake = () => woken.abort()
    const onAbort = () => woken.abort()
    signal.addEventListener('abort', onAbort)
    this.waiting.add(wake)
    try {
      await clock.pause(milliseconds * (0.5 + random()), woken.signal).catch(() => {})
      signal.throwIfAborted()
    } finally {
      this.waiting.delete(wake)
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/** The first request takes one chunk, since most blobs are one; those after it take as many as are allowed. */
function nextRequest({ id, list, done }: Progress): BlobRequest {
  const bytes = fromHex(id)
  if (bytes?.byteLength !== HASH_BYTES) throw new RangeError(`"${id}" is no blob id`)
  return { id: bytes, list: list === null, from: done, count: list === null ? 1 : limits.MAX_CHUNKS_PER_REQUEST }
}

async function takeList(reader: PieceReader, byteLength: number, progress: Progress, options: FetchOptions) {
  // Before anything is allocated: what the length says is bounded by what named the blob. A liar may exaggerate, so
  // only a list that the id confirms convicts the author.
  const hashes = await reader.read(chunkCount(byteLength) * HASH_BYTES, limits.HASHES_PER_FRAME * HASH_BYTES)
  const list = { byteLength, hashes }
  if (!isChunkListOf(Buffer.from(progress.id, 'hex'), list)) throw new CorruptBlobError(progress.id, 'a wrong list')
  if (byteLength > options.maxBytes) throw new BlobTooLargeError(progress.id, byteLength, options.maxBytes)
  progress.list = list
  progress.sink = options.create()
}

async function takeChunks(reader: PieceReader, count: number, progress: Progress): Promise<void> {
  const { list, sink } = progress
  if (list === null || sink === null) throw new Error('chunks before their list')
  const end = Math.min(progress.done + count, chunkCount(list.byteLength))
  while (progress.done < end) {
    const chunk = await reader.read(chunkLength(list.byteLength, progress.done), MAX_FRAME_BYTES)
    if (!isChunkOf(list, progress.done, chunk)) {
      throw new CorruptBlobError(progress.id, `chunk ${progress.done} is not the one that the list names`)
    }
    await toSink(sink.write(chunk))
    progress.done++
  }
}

/** Reads what comes in full frames and one last shorter one. */
class PieceReader {
  private readonly frames: FrameStream
  private readonly moved: () => void
  constructor(frames: FrameStream, moved: () => void) {
    this.frames = frames
    this.moved = moved
  }

  async read(bytes: number, frameBytes: number): Promise<Uint8Array> {
    const whole = new Uint8Array(bytes)
    for (let at = 0; at < bytes; at += frameBytes) {
      const frame = await this.frames.expect(`${bytes - at} more bytes`)
      const wanted = Math.min(frameBytes, bytes - at)
      if (frame.byteLength !== wanted) throw new MalformedError(`a frame of ${frame.byteLength} bytes, not ${wanted}`)
      whole.set(frame, at)
      this.moved()
    }
    return whole
  }
}

/** Our own disk failed, which is no neighbour's fault. */
class SinkError extends Error {}

async function toSink(done: Promise<void>): Promise<void> {
  try {
    await done
  } catch (error) {
    throw new SinkError('the blob cannot be stored', { cause: error })
  }
}

/** We have what we want or want no more: nothing else that comes is read. */
function abandon(stream: Stream, frames: FrameStream): void {
  if (stream.status === 'open' && !stream.readableEnded) frames.abort(new Error('no longer wanted'))
  frames.release()
}
