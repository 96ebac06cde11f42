/** Files that a later run relies on. Each is whole or absent, and a digest identifies it. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { systemCode, unwritable } from '../base/system-errors.ts'
import { PIECE_BYTES, pieces, writeAll } from './durable-file.ts'

export interface StoredFile {
  path: string
  bytes: number
  /** SHA-256, hexadecimal. */
  digest: string
}

/**
 * Writes a file durably. Returns its length and digest, by which a later run recognises it.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function storeFile(path: string, views: Iterable<ArrayBufferView>): Promise<StoredFile> {
  const hash = createHash('sha256')
  let bytes = 0
  function* hashed() {
    for (const piece of pieces(views)) {
      hash.update(piece)
      bytes += piece.length
      yield piece
    }
  }
  await writeAll(path, hashed())
  return { path, bytes, digest: hash.digest('hex') }
}

/** Whether a file still has the bytes that were stored. */
export function isIntact({ path, bytes, digest }: StoredFile): boolean {
  const hash = createHash('sha256')
  return hashFile(path, hash) === bytes && hash.digest('hex') === digest
}

/** SHA-256 of a file, hexadecimal. */
export function digestOf(path: string): string {
  const hash = createHash('sha256')
  hashFile(path, hash)
  return hash.digest('hex')
}

/**
 * Fills views with a stored file, in order. Returns whether the file has the stored bytes and fits the views exactly.
 */
export function readStored({ path, bytes, digest }: StoredFile, views: Iterable<ArrayBufferView>): boolean {
  const hash = createHash('sha256')
  let total = 0
  const fd = openOrNull(path)
  if (fd === null) return false
  try {
    for (const piece of pieces(views)) {
      for (let at = 0; at < piece.length; ) {
        const read = readSync(fd, piece, at, piece.length - at, null)
        if (read === 0) return false
        at += read
      }
      hash.update(piece)
      total += piece.length
    }
    return total === bytes && readSync(fd, new Uint8Array(1)) === 0 && hash.digest('hex') === digest
  } finally {
    closeSync(fd)
  }
}

/** Adds the bytes of a file to a hash. Returns its length; null if there is no file. */
function hashFile(path: string, hash: Hash): number | null {
  const fd = openOrNull(path)
  if (fd === null) return null
  try {
    const buffer = new Uint8Array(PIECE_BYTES)
    let total = 0
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, read))
      total += read
    }
    return total
  } finally {
    closeSync(fd)
  }
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
}
