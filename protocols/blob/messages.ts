/**
 * Request and answer of the blob protocol, byte by byte. The asker sends one frame of REQUEST_BYTES: flags (bit 0: send
 * the list of chunk hashes), the id (32 bytes), first chunk and number of chunks (u32, little-endian). The answer is a
 * frame with a status and, where the blob is held, its length (u64, little-endian); then the list, if asked for, in
 * frames of HASHES_PER_FRAME hashes; then each chunk in frames of MAX_FRAME_BYTES. All frames but the last of a list or
 * chunk are full: a frame is progress.
 */

import { MalformedError } from '../stream/errors.ts'
import { HASH_BYTES } from '../wire/encoding.ts'
import { MAX_BLOB_BYTES } from '../wire/hash.ts'
import { MAX_CHUNKS_PER_REQUEST, REQUEST_BYTES } from './constants.ts'

export interface BlobRequest {
  id: Uint8Array
  /** Send the list of chunk hashes first. */
  list: boolean
  /** First chunk. */
  from: number
  /** Number of chunks; those beyond the end are left out. */
  count: number
}

/** `not-yet`: not held now; `busy`: ask again later, or another. */
type BlobAnswer = { status: 'found'; byteLength: number } | { status: 'not-yet' } | { status: 'busy' }

const FLAG_LIST = 1
const STATUS = { found: 0, 'not-yet': 1, busy: 2 } as const

export function encodeRequest({ id, list, from, count }: BlobRequest): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES)
  const view = new DataView(bytes.buffer)
  bytes[0] = list ? FLAG_LIST : 0
  bytes.set(id, 1)
  view.setUint32(1 + HASH_BYTES, from, true)
  view.setUint32(5 + HASH_BYTES, count, true)
  return bytes
}

/** @throws {MalformedError} */
export function decodeRequest(bytes: Uint8Array): BlobRequest {
  if (bytes.byteLength !== REQUEST_BYTES) throw new MalformedError(`a blob request of ${bytes.byteLength} bytes`)
  if (bytes[0] > FLAG_LIST) throw new MalformedError(`flags ${bytes[0]} in a blob request`)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const count = view.getUint32(5 + HASH_BYTES, true)
  if (count > MAX_CHUNKS_PER_REQUEST) throw new MalformedError(`${count} chunks asked for at once`)
  const from = view.getUint32(1 + HASH_BYTES, true)
  return { id: bytes.slice(1, 1 + HASH_BYTES), list: bytes[0] === FLAG_LIST, from, count }
}

export function encodeAnswer(answer: BlobAnswer): Uint8Array {
  if (answer.status !== 'found') return Uint8Array.of(STATUS[answer.status])
  const bytes = new Uint8Array(9)
  bytes[0] = STATUS.found
  new DataView(bytes.buffer).setBigUint64(1, BigInt(answer.byteLength), true)
  return bytes
}

/** @throws {MalformedError} */
export function decodeAnswer(bytes: Uint8Array): BlobAnswer {
  if (bytes.byteLength === 1 && bytes[0] === STATUS['not-yet']) return { status: 'not-yet' }
  if (bytes.byteLength === 1 && bytes[0] === STATUS.busy) return { status: 'busy' }
  if (bytes.byteLength !== 9 || bytes[0] !== STATUS.found) throw new MalformedError('no answer of the blob protocol')
  const byteLength = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1, true)
  if (byteLength > BigInt(MAX_BLOB_BYTES)) throw new MalformedError(`a blob of ${byteLength} bytes`)
  return { status: 'found', byteLength: Number(byteLength) }
}
