/**
 * Serves blobs. A member opens a stream and speaks first, with one request. This peer answers with the status and,
 * where it holds the blob, the list and the chunks asked for. It reads one chunk at a time, and the next when the asker
 * has taken that one. A request for a blob that this peer is fetching itself waits for it, at most HOLD_MS. A frame may
 * take SERVE_TIMEOUT_MS; MAX_SERVED_STREAMS are served at once.
 */
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES } from '../stream/constants.ts'
import { Duplex } from '../stream/duplex.ts'
import { CutShortError } from '../stream/errors.ts'
import { decodeFrames, encodeFrames, moving } from '../stream/frames.ts'
import { serve } from '../stream/serve.ts'
import { HASH_BYTES, toHex } from '../wire/encoding.ts'
import { type ChunkList, chunkCount } from '../wire/hash.ts'
import * as limits from './constants.ts'
import type { BlobServerComponents } from './index.ts'
import { type BlobRequest, decodeRequest, encodeAnswer } from './messages.ts'

interface BlobServer {
  handle(stream: Stream, connection: Connection): Promise<void>
}

export function blobServer(components: BlobServerComponents): BlobServer {
  return new Server(components)
}

class Server implements BlobServer {
  private readonly components: BlobServerComponents
  private serving = 0

  constructor(components: BlobServerComponents) {
    this.components = components
  }

  /** One stream, one request. What fails is logged; the asker sees only a reset. */
  handle = (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    const { admits, clock } = this.components
    const what = `blob request of ${remotePeer}`
    return serve(stream, { clock, timeoutMs: limits.SERVE_TIMEOUT_MS, what }, async (deadline) => {
      if (!admits(remotePeer)) throw new Error('not a member')
      using duplex = new Duplex(stream, deadline.signal)
      await pipe(
        duplex,
        (bytes) => decodeFrames(bytes, limits.REQUEST_BYTES),
        (requests) => this.answer(requests, remotePeer),
        (frames) => moving(frames, deadline),
        encodeFrames,
        duplex,
      )
    })
  }

  private async *answer(requests: AsyncIterable<Uint8ArrayList>, peer: PeerId): AsyncGenerator<Uint8Array> {
    const request = decodeRequest(await onlyFrame(requests))
    const id = toHex(request.id)
    this.components.onAsked?.(id, peer)
    const list = await this.list(id)
    if (list === null) return yield encodeAnswer({ status: 'not-yet' })
    if (this.serving >= limits.MAX_SERVED_STREAMS) return yield encodeAnswer({ status: 'busy' })
    this.serving++
    try {
      yield* this.blob(id, list, request, peer)
    } finally {
      this.serving--
    }
  }

  /** The list of a blob that is held, or comes soon. */
  private async list(id: string): Promise<ChunkList | null> {
    const { clock, coming, source } = this.components
    const list = await source.chunks(id)
    const fetched = list === null ? coming?.(id) : null
    if (fetched == null) return list
    const ended = new AbortController()
    const held = clock.pause(limits.HOLD_MS, ended.signal)
    await Promise.race([fetched, held]).finally(() => ended.abort())
    return source.chunks(id)
  }

  private async *blob(id: string, list: ChunkList, request: BlobRequest, peer: PeerId): AsyncGenerator<Uint8Array> {
    const { source, onServed } = this.components
    yield encodeAnswer({ status: 'found', byteLength: list.byteLength })
    if (request.list) yield* piecesOf(list.hashes, limits.HASHES_PER_FRAME * HASH_BYTES)
    const end = Math.min(request.from + request.count, chunkCount(list.byteLength))
    for (let index = request.from; index < end; index++) {
      const chunk = await source.read(id, index)
      onServed?.(id, peer, chunk.byteLength)
      yield* piecesOf(chunk, MAX_FRAME_BYTES)
    }
  }
}

/** The request. Whatever else the asker sends is dropped, not queued. */
async function onlyFrame(frames: AsyncIterable<Uint8ArrayList>): Promise<Uint8Array> {
  for await (const frame of frames) return frame.slice()
  throw new CutShortError('a blob request')
}

function* piecesOf(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}
