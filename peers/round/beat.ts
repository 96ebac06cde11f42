/** The number of a peer's first status. */

/** Below the 2^32 of the wire by as many statuses as a peer sends in a thousand years. */
const MAX_FIRST_BEAT = 2 ** 31

/**
 * Statuses are not in the journal. They are seconds apart, so the clock is above those of an earlier run. A clock that
 * is wrong by decades costs others the news of this peer, and this peer nothing.
 * @param date - milliseconds since 1970; negative before it
 */
export function firstBeat(date: number): number {
  return Math.min(Math.max(0, Math.floor(date / 1000)), MAX_FIRST_BEAT)
}
