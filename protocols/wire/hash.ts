/**
 * The name of a blob: SHA-256("coppice/blob/1", a zero byte, its length as u64 little-endian, the SHA-256 of each chunk
 * of 1 MiB). A peer that fetches a blob gets the list of chunk hashes first and checks it against the name. It can then
 * check every chunk as it arrives, from any peer.
 */
import { createHash } from 'node:crypto'
import { equalBytes, HASH_BYTES } from './encoding.ts'

/**
 * The size of a chunk: large enough that the list of hashes is 1/32768 of the blob, small enough to hold a few in
 * memory.
 */
export const CHUNK_BYTES = 1024 * 1024
/** The largest blob: no contribution of one block is larger. A chunk list is then at most 1 MiB itself. */
export const MAX_BLOB_BYTES = 32768 * CHUNK_BYTES

const DOMAIN = Buffer.from('coppice/blob/1\0')

/** The number of chunks of a blob of this many bytes; the empty blob has none. */
export function chunkCount(byteLength: number): number {
  return Math.ceil(byteLength / CHUNK_BYTES)
}

/** The length of chunk `index` in bytes: 1 MiB except for the last. */
export function chunkLength(byteLength: number, index: number): number {
  return Math.min(CHUNK_BYTES, byteLength - index * CHUNK_BYTES)
}

/** The SHA-256 of one chunk. */
function chunkHash(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(chunk).digest())
}

/** A blob's length and the hashes of its chunks, one after another. The blob's id is the hash of both. */
export interface ChunkList {
  byteLength: number
  /** chunkCount(byteLength) hashes of 32 bytes. */
  hashes: Uint8Array
}

/**
 * The id of a blob with these chunks.
 * @throws {RangeError} a length that no blob has, or a number of hashes that does not fit the length
 */
export function blobIdOfChunks({ byteLength, hashes }: ChunkList): Uint8Array {
  if (!Number.isSafeInteger(byteLength) || byteLength < 0 || byteLength > MAX_BLOB_BYTES) {
    throw new RangeError(`a blob has at most ${MAX_BLOB_BYTES} bytes, not ${byteLength}`)
  }
  if (hashes.byteLength !== chunkCount(byteLength) * HASH_BYTES) {
    throw new RangeError(
      `${byteLength} bytes are ${chunkCount(byteLength)} chunks, not ${hashes.byteLength / HASH_BYTES}`,
    )
  }
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(byteLength), true)
  return new Uint8Array(createHash('sha256').update(DOMAIN).update(length).update(hashes).digest())
}

/** Whether the id names this list. Never throws: a stranger sends the list. */
export function isChunkListOf(id: Uint8Array, list: ChunkList): boolean {
  try {
    return equalBytes(blobIdOfChunks(list), id)
  } catch {
    return false
  }
}

/** Whether these bytes are chunk `index` of the blob with this list, which was checked before. */
export function isChunkOf(list: ChunkList, index: number, chunk: Uint8Array): boolean {
  if (index < 0 || index >= chunkCount(list.byteLength)) return false
  if (chunk.byteLength !== chunkLength(list.byteLength, index)) return false
  return equalBytes(chunkHash(chunk), list.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))
}

/** Hashes a blob whose bytes arrive in pieces of any size. */
export class BlobHasher {
  #chunk = createHash('sha256')
  #inChunk = 0
  #byteLength = 0
  #hashes: Uint8Array[] = []

  update(bytes: Uint8Array): this {
    for (let at = 0; at < bytes.byteLength; ) {
      const piece = bytes.subarray(at, at + CHUNK_BYTES - this.#inChunk)
      this.#chunk.update(piece)
      this.#inChunk += piece.byteLength
      this.#byteLength += piece.byteLength
      at += piece.byteLength
      if (this.#inChunk === CHUNK_BYTES) this.#endChunk()
    }
    return this
  }

  /** The list of chunks and the blob's id. No bytes may be added afterwards. */
  finish(): ChunkList & { id: Uint8Array } {
    if (this.#inChunk > 0) this.#endChunk()
    const hashes = new Uint8Array(Buffer.concat(this.#hashes))
    return { byteLength: this.#byteLength, hashes, id: blobIdOfChunks({ byteLength: this.#byteLength, hashes }) }
  }

  #endChunk(): void {
    this.#hashes.push(new Uint8Array(this.#chunk.digest()))
    this.#chunk = createHash('sha256')
    this.#inChunk = 0
  }
}

/** The id of a blob that is in memory. */
export function blobId(bytes: Uint8Array): Uint8Array {
  return new BlobHasher().update(bytes).finish().id
}
