/**
 * Windows at the end of a site's own text that are kept out of calibration, so that what they say of a model is fair.
 */
import type { TokenWindows } from '../../../src/jobs/jobs.ts'

/** A tenth as much as a site calibrates on, at least one window. */
export function keptOut(windows: number): number {
  return Math.max(1, Math.floor(windows / 10))
}

/**
 * Windows that were kept out, in the length that is evaluated; at least one, unless that is longer than all of them.
 */
export function recut({ ids, length, count }: TokenWindows, window: number, tokens: number): TokenWindows {
  const wanted = Math.min(window, ids.length)
  const rows = Math.max(1, Math.floor(Math.min(tokens, length * count) / wanted))
  return { ids: ids.slice(0, rows * wanted), count: rows, length: wanted }
}

/**
 * What is kept out lies at the end of a text, and of a longer one at the end of so many tokens: some four megabytes,
 * which take two seconds to tokenise. A text of gigabytes is not read for a few windows.
 */
const FAR_ENOUGH_TOKENS = 1_000_000

/**
 * Tokens of a text that are read, where something of it is kept out.
 * @param needed - for calibration and what is kept out
 */
export function readForEnd(needed: number): number {
  return Math.max(needed, FAR_ENOUGH_TOKENS)
}
