/** Failures of any stream, for all protocols. The other side sees a reset, never these texts. */

/** Nothing moved for as long as the protocol allows. The other side or the network is at fault. */
export class DeadlineError extends Error {
  static override name = 'DeadlineError'
  override readonly name = 'DeadlineError'
  readonly code = 'STREAM_DEADLINE'
  readonly milliseconds: number
  constructor(milliseconds: number) {
    super(`nothing came for ${milliseconds} ms`)
    this.milliseconds = milliseconds
  }
}

/** A frame or message is longer than its protocol allows. The sender is at fault. */
export class OversizeError extends Error {
  static override name = 'OversizeError'
  override readonly name = 'OversizeError'
  readonly code = 'STREAM_OVERSIZE'
  readonly bytes: number
  readonly limit: number
  constructor(bytes: number, limit: number) {
    super(`${bytes} bytes where ${limit} are allowed`)
    this.bytes = bytes
    this.limit = limit
  }
}

/** The stream ended in the middle of a frame or message. The sender or the network is at fault. */
export class CutShortError extends Error {
  static override name = 'CutShortError'
  override readonly name = 'CutShortError'
  readonly code = 'STREAM_CUT_SHORT'
  constructor(what: string) {
    super(`the stream ended where ${what} should come`)
  }
}

/** Bytes that are no message of the protocol. The sender is at fault. */
export class MalformedError extends Error {
  static override name = 'MalformedError'
  override readonly name = 'MalformedError'
  readonly code = 'STREAM_MALFORMED'
  constructor(what: string, options?: ErrorOptions) {
    super(what, options)
  }
}

/** A thrown value as an Error, for libp2p. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}
