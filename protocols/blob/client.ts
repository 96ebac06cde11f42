/**
 * Pulls blobs. This peer opens a stream to a neighbour and speaks first. Those that most likely have the blob are asked
 * first, then others in random order, a few at a time, since most neighbours get a new blob when this peer does.
 * One that is slow, broken or lying is left for another, and chunks that were checked are kept. Between two turns there
 * is a pause, which grows; when all have been asked, the turns begin anew, until the caller gives up.
 */
import { pipe } from 'it-pipe'
import { Duplex } from '../stream/duplex.ts'
import { decodeFrames, encodeFrames, moving } from '../stream/frames.ts'
import { ask } from '../stream/serve.ts'
import { fromHex, HASH_BYTES } from '../wire/encoding.ts'
import { chunkCount } from '../wire/hash.ts'
import * as limits from './constants.ts'
import { BlobTooLargeError, CorruptBlobError } from './errors.ts'
import type { BlobClientComponents, FetchOptions } from './index.ts'
import { type BlobRequest, encodeRequest } from './messages.ts'
import { Neighbourhood } from './neighbourhood.ts'
import { type BlobProgress, receiveBlob, SinkError, toSink } from './receive.ts'

export interface BlobClient {
  /**
   * Resolves when the whole blob is in the sink.
   * @throws {BlobTooLargeError} it is longer than allowed: its author's fault
   * @throws what the sink throws
   * @throws the signal's reason
   */
  fetch(id: string, options: FetchOptions): Promise<void>
  /** Resolves when the fetch of a blob has ended, well or not; null: none runs. */
  coming(id: string): Promise<void> | null
  /**
   * A neighbour has come, or come back: asks again now for blobs that nobody had. It is not spared for what it failed
   * at before.
   */
  welcome(peer: string): void
}

export function blobClient(components: BlobClientComponents): BlobClient {
  return new Client(components)
}

type Outcome = 'complete' | 'not-yet' | 'failed'

class Client implements BlobClient {
  private readonly components: BlobClientComponents
  private readonly neighbourhood: Neighbourhood
  private waiting = new Set<() => void>()
  private readonly running = new Map<string, Promise<void>>()

  constructor(components: BlobClientComponents) {
    this.components = components
    this.neighbourhood = new Neighbourhood(components)
  }

  welcome(peer: string): void {
    this.neighbourhood.succeeded(peer)
    for (const wake of this.waiting) wake()
  }

  coming(id: string): Promise<void> | null {
    return this.running.get(id) ?? null
  }

  async fetch(id: string, options: FetchOptions): Promise<void> {
    const fetched = this.fetchWhole(id, options)
    const ended = fetched.catch(() => undefined)
    this.running.set(id, ended)
    try {
      await fetched
    } finally {
      if (this.running.get(id) === ended) this.running.delete(id)
    }
  }

  private async fetchWhole(id: string, options: FetchOptions): Promise<void> {
    const progress: BlobProgress = { id, list: null, done: 0, sink: null }
    const asked = new Set<string>()
    try {
      for (let pause = limits.RETRY_MS; ; pause = Math.min(2 * pause, limits.MAX_RETRY_MS)) {
        const before = progress.done
        const began = this.components.clock.now()
        if (await this.askSome(progress, options, asked)) return
        if (progress.done > before) pause = limits.RETRY_MS
        // Where answers are late, asking more often would make them later still.
        const took = this.components.clock.now() - began
        await this.pauseOrWake(Math.max(pause, took), options.signal)
      }
    } catch (error) {
      await progress.sink?.leave()
      throw error instanceof SinkError ? error.cause : error
    }
  }

  /**
   * One turn: asks the likely neighbours, and some that no earlier turn has asked. True when the blob is complete.
   */
  private async askSome(progress: BlobProgress, options: FetchOptions, asked: Set<string>): Promise<boolean> {
    const { likely = [], signal } = options
    for (const peer of likely) asked.delete(peer)
    for (let count = 0; count < limits.ASKED_IN_A_TURN; count++) {
      const peer = await this.neighbourhood.take(asked, likely, signal)
      if (peer === null) {
        asked.clear()
        return false
      }
      asked.add(peer)
      try {
        if ((await this.askOne(peer, progress, options)) === 'complete') return true
      } finally {
        this.neighbourhood.give(peer)
      }
    }
    return false
  }

  /** Fetches as much as one neighbour gives. */
  private async askOne(peer: string, progress: BlobProgress, options: FetchOptions): Promise<Outcome> {
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

  private async finish({ id, list, done, sink }: BlobProgress): Promise<boolean> {
    if (list === null || sink === null || done < chunkCount(list.byteLength)) return false
    await toSink(sink.commit(id))
    return true
  }

  /** Runs one stream: it fetches the list, if it is not known yet, and the next chunks. Anything else is not read. */
  private request(peer: string, progress: BlobProgress, options: FetchOptions): Promise<'found' | 'not-yet'> {
    const { clock, open } = this.components
    const opening = (signal: AbortSignal) => open(peer, signal)
    const asking = { clock, timeoutMs: limits.PROGRESS_TIMEOUT_MS, signal: options.signal }
    return ask(opening, asking, async (stream, deadline) => {
      using duplex = new Duplex(stream, deadline.signal)
      const request = nextRequest(progress, options)
      await pipe([encodeRequest(request)], encodeFrames, duplex)
      const frames = pipe(duplex, decodeFrames, (each) => moving(each, deadline))
      const outcome = await receiveBlob(frames, request, progress, options)
      if (stream.status === 'open' && !stream.readableEnded) stream.abort(new Error('no longer wanted'))
      return outcome
    })
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
function nextRequest({ id, list, done }: BlobProgress, { begun = 0 }: FetchOptions): BlobRequest {
  const bytes = fromHex(id)
  if (bytes?.byteLength !== HASH_BYTES) throw new RangeError(`"${id}" is no blob id`)
  if (list === null) return { id: bytes, list: true, from: begun, count: 1 }
  return { id: bytes, list: false, from: done, count: limits.MAX_CHUNKS_PER_REQUEST }
}
