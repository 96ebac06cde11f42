/**
 * Counts votes. A member that votes twice counts for both, as in the paper: a member may have locked a value because of
 * either vote, and everybody must be able to see why. With fewer than a third of liars that is safe.
 */
import type { Envelope, Hash, Vote } from './messages/messages.ts'

type Votes = ReadonlyArray<Envelope<Vote>>

/** The number of members that have voted for exactly this value. */
export function countFor(votes: Votes, value: Hash | null): number {
  return votes.filter(({ body }) => body.value === value).length
}

/** The number of members that have voted at all. */
export function voters(votes: Votes): number {
  return new Set(votes.map(({ from }) => from)).size
}

/** The value for which a quorum has voted; null if it is nil; undefined if there is none. */
export function agreed(votes: Votes, quorum: number): Hash | null | undefined {
  return votes.find(({ body }) => countFor(votes, body.value) >= quorum)?.body.value
}

/** A member that has voted for the value. */
export function supporterOf(votes: Votes, value: Hash): number {
  return votes.find(({ body }) => body.value === value)?.from ?? 0
}
