/** Faults of a blob and of the peer that serves it. After the first error the client asks another neighbour. */

/** The bytes are not those that the id names. The serving neighbour is at fault, not the author. */
export class CorruptBlobError extends Error {
  static override name = 'CorruptBlobError'
  override readonly name = 'CorruptBlobError'
  readonly code = 'BLOB_CORRUPT'
  readonly id: string
  constructor(id: string, what: string) {
    super(`blob ${id.slice(0, 8)}: ${what}`)
    this.id = id
  }
}

/** A blob is longer than allowed where its id is named. Its author is at fault: no neighbour can help. */
export class BlobTooLargeError extends Error {
  static override name = 'BlobTooLargeError'
  override readonly name = 'BlobTooLargeError'
  readonly code = 'BLOB_TOO_LARGE'
  readonly id: string
  readonly bytes: number
  readonly limit: number
  constructor(id: string, bytes: number, limit: number) {
    super(`blob ${id.slice(0, 8)}: ${bytes} bytes, at most ${limit} are allowed`)
    this.id = id
    this.bytes = bytes
    this.limit = limit
  }
}
