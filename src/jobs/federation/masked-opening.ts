/** Masked vectors of a list of members, read from files and opened at once. */
import type { StreamKey } from '../../merge/masked/streams.ts'

/** All that is needed to open the sum of one slot. */
export interface MaskedOpening {
  /** The masked vectors of the list, one a member, in any order. */
  paths: string[]
  /** The streams that the sum of the list holds, with the signs with which masking took them in. */
  streams: StreamKey[]
  /**
   * This site's own plain contribution to the slot, with which the total is compared; null: it has none, or its part
   * is not in the list.
   */
  own: string | null
}

/** The openings of a block: of its first slot, and of its second one once that is offered. See src/merge/slots.ts. */
export interface MaskedOpenings {
  first: MaskedOpening
  second: MaskedOpening | null
}
