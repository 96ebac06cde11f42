/**
 * Roots name the results of a merge. A root is SHA-256 over the bytes, with a domain of its own for each kind of
 * result.
 */
import { createHash } from 'node:crypto'

const BLOCK_DOMAIN = 'coppice/merged-block/1\0'
const MERGED_DOMAIN = 'coppice/merged/1\0'

/**
 * The byte of a block that keeps its base weights. No root follows it; the byte MERGED has a block's root behind it.
 */
const BASE = 0
const MERGED = 1

/** The root of one block, 32 bytes: over its domain and the bytes that encodeMergedBlock writes. */
export function blockRoot(encoded: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(BLOCK_DOMAIN).update(encoded).digest())
}

/**
 * The root of a merged model, 32 bytes: over its domain, the number of blocks (32 bits, little-endian) and for each
 * block in order byte 1 and its root, or byte 0 alone if nobody contributed and the base's weights stay.
 * @throws {RangeError} a block's root does not have 32 bytes
 */
export function mergedRoot(blockRoots: readonly (Uint8Array | null)[]): Uint8Array {
  const count = Buffer.alloc(4)
  count.writeUInt32LE(blockRoots.length)
  const hash = createHash('sha256').update(MERGED_DOMAIN).update(count)
  for (const root of blockRoots) {
    if (root !== null && root.length !== 32) throw new RangeError(`a root of ${root.length} bytes, expected 32`)
    hash.update(Uint8Array.of(root === null ? BASE : MERGED))
    if (root !== null) hash.update(root)
  }
  return new Uint8Array(hash.digest())
}
