/** Who reads key sheets, and what they read them with. */
import type { KeySheet, SheetSize } from '../../protocols/masked/key-sheet.ts'

/** A member of a masked plan. */
export interface SheetReader {
  /** The plan's id. */
  plan: Uint8Array
  /** The number of openings of the plan. */
  openings: number
  /** This member's index in the roster. */
  self: number
  /** The key of every member, in the roster's order: see protocols/masked/member-key.ts. */
  keys: readonly Uint8Array[]
  /** The private key of this member's own. */
  privateKey: Uint8Array
}

/**
 * Whoever checks sheets. `self` is null for one that is no member: no share is for it, and it finds public keys that
 * are no good with any private key.
 */
export type SheetChecker = Omit<SheetReader, 'self'> & { self: number | null }

/** The checked sheets of all members, in the roster's order. */
export type KeySheets = readonly KeySheet[]

/** The two secrets of a member in an opening, b and the private key p, 32 bytes each; or a share of each, 33 bytes. */
export interface OpeningSecrets {
  own: Uint8Array
  secret: Uint8Array
}

/** The shares of an opening that were dealt to a member, by dealer; null in its own place. */
export type ReceivedShares = readonly (OpeningSecrets | null)[]

export function sizeOf({ keys, openings }: Pick<SheetReader, 'keys' | 'openings'>): SheetSize {
  return { members: keys.length, openings }
}
