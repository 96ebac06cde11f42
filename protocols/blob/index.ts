/**
 * Fetches blobs by id from any peer that has them. A client pulls the blobs that this peer lacks from any connected
 * neighbour, and checks every chunk as it comes; a server answers for those that this peer holds. The client opens a
 * stream and speaks first: one stream carries one request of at most MAX_CHUNKS_PER_REQUEST chunks, and at most
 * MAX_STREAMS_PER_PEER streams run between two peers each way.
 *
 * @example await node.handle(BLOB_PROTOCOL, blobServer({ source, clock, admits, coming }).handle, MAX_STREAMS_PER_PEER)
 * const blobs = blobClient({ neighbours, open, clock, random })
 * await blobs.fetch(id, { maxBytes, create: (list) => store.sink(id, list), signal })
 */
import type { PeerId, Stream } from '@libp2p/interface'
import type { Clock } from '../stream/time.ts'
import type { ChunkList } from '../wire/hash.ts'

/** The source of the blobs that a server reads. Ids are lower-case hexadecimal. */
export interface BlobSource {
  /** The length of a blob; null: not held. */
  chunks(id: string): Promise<ChunkList | null>
  /** Chunk `index` of a blob that is held. */
  read(id: string, index: number): Promise<Uint8Array>
}

/** The sink for checked chunks, which come in order. */
export interface BlobSink {
  /** The number of chunks that an earlier fetch has left in it, checked against the list. The rest is to come. */
  readonly held: number
  write(chunk: Uint8Array): Promise<void>
  /** All chunks have been written. */
  commit(id: string): Promise<void>
  /** The fetch has failed. Chunks in the sink may stay there for another one. */
  leave(): Promise<void>
}

export interface BlobServerComponents {
  source: BlobSource
  clock: Clock
  /** Whether a peer may ask: members may, strangers may not. */
  admits(peer: PeerId): boolean
  /** Resolves when this peer's own fetch of a blob has ended; null: it fetches no such blob. See BlobClient. */
  coming?(id: string): Promise<void> | null
  /** A blob was asked for, whether held or not. */
  onAsked?(id: string, peer: PeerId): void
  /** A chunk of a blob, of so many bytes, begins to leave for a peer. */
  onServed?(id: string, peer: PeerId, bytes: number): void
}

export interface BlobClientComponents {
  /** Connected members by peer id as text, in any order. */
  neighbours(): Iterable<string>
  /** Opens a stream of the blob protocol. */
  open(peer: string, signal: AbortSignal): Promise<Stream>
  clock: Clock
  /** In [0, 1): spreads the load over the neighbours. */
  random(): number
  /** Called if a neighbour served other bytes than the blob: it is not asked again. */
  onLiar?(peer: string, error: Error): void
}

export interface FetchOptions {
  /** The most bytes, as allowed where the blob is named. */
  maxBytes: number
  /** How many chunks an earlier fetch has left, as far as that is known before they are checked; default: none. */
  begun?: number
  /** Opens the sink, once the list is known. */
  create(list: ChunkList): Promise<BlobSink>
  signal: AbortSignal
  /**
   * Peers that most likely have the blob, the likeliest first. Those that are neighbours are asked before others, even
   * if that means waiting.
   */
  likely?: readonly string[]
}

export { blobClient } from './client.ts'
export { BLOB_PROTOCOL, MAX_STREAMS_PER_PEER } from './constants.ts'
export { blobServer } from './server.ts'
