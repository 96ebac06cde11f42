/** Files that a later run relies on: whole or not there, on the disk before they have their name, known by a digest. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { systemCode, unwritable } from '../base/system-errors.ts'

export interface StoredFile {
  path: string
  bytes: number
  /** SHA-256, hexadecimal. */
  digest: string
}

/** Written, hashed or read at once: more than a few system calls cost, less than the system takes in one (2 GiB). */
const PIECE_BYTES = 2 ** 24

/**
 * Writes a file under another name, syncs it, and renames it. Its name is durable after `syncNames`.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export function storeFile(path: string, chunks: Iterable<ArrayBufferView>): StoredFile {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    const part = `${path}.part`
    const fd = openSync(part, 'w')
    try {
      for (const piece of pieces(chunks)) {
        for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at)
        hash.update(piece)
        bytes += piece.length
      }
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(part, path)
  } catch (error) {
    throw unwritable(path, error)
  }
  return { path, bytes, digest: hash.digest('hex') }
}

/** Makes the names in a directory survive a power cut; directories cannot be synced on every system. */
export function syncNames(directory: string): void {
  try {
    const fd = openSync(directory, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EISDIR' && code !== 'EPERM' && code !== 'EINVAL') throw unwritable(directory, error)
  }
}

/** Whether a file is as it was stored. */
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

/** Fills views with a stored file, in their order; returns whether they hold all of it, as it was stored. */
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

/** Adds a file to a hash; returns its length, or null where there is none. */
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

/** Bytes of views, without copying. */
function* pieces(views: Iterable<ArrayBufferView>): Generator<Uint8Array<ArrayBufferLike>> {
  for (const { buffer, byteOffset, byteLength } of views) {
    for (let at = 0; at < byteLength; at += PIECE_BYTES)
      yield new Uint8Array(buffer, byteOffset + at, Math.min(PIECE_BYTES, byteLength - at))
  }
}
