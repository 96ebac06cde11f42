/** Windows at the end of a site's own text that are kept out of calibration, so that a model is measured fairly. */
import type { Windows } from '../../../src/form/windows.ts'

/** The number of windows to keep out: a tenth of the calibration windows, at least one. */
export function keptOut(windows: number): number {
  return Math.max(1, Math.floor(windows / 10))
}

/**
 * Cuts kept-out windows to the length that is evaluated. There is at least one window, shorter than asked for if the
 * kept-out text is shorter.
 */
export function recut({ ids, length, count }: Windows, window: number, tokens: number): Windows {
  const wanted = Math.min(window, ids.length)
  const rows = Math.max(1, Math.floor(Math.min(tokens, length * count) / wanted))
  return { ids: ids.slice(0, rows * wanted), count: rows, length: wanted }
}

/**
 * The most tokens that are read to find the end of a text: some four megabytes, which take two seconds to tokenise.
 * Kept-out windows lie at the end of these tokens if the text is longer: a text of gigabytes is not read for a few
 * windows.
 */
const FAR_ENOUGH_TOKENS = 1_000_000

/**
 * The number of tokens that are read of a text if a part of it is kept out.
 * @param needed - tokens for calibration and for the part kept out
 */
export function readForEnd(needed: number): number {
  return Math.max(needed, FAR_ENOUGH_TOKENS)
}
