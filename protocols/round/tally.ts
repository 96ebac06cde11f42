/**
 * Counting votes. A member that votes twice counts for both, as in the paper: somebody may have locked a value on the
 * strength of either, and everybody must be able to see why. With fewer than a third of liars that is safe.
 */
import type { Envelope, Hash, Vote } from './messages/messages.ts'

type Votes = ReadonlyArray<Envelope<Vote>>

/** How many members have voted for exactly this. */
export function countFor(votes: Votes, value: Hash | null): number {
  return votes.filter(({ body }) => body.value === value).length
}

/** How many members have voted at all. */
export function voters(votes: Votes): number {
  return new Set(votes.map(({ from }) => from)).size
}

/** The value that a quorum has voted for; null for nil; undefined: none has one. */
export function agreed(votes: Votes, quorum: number): Hash | null | undefined {
  return votes.find(({ body }) => countFor(votes, body.value) >= quorum)?.body.value
}

/** A member that has voted for it. */
export function supporterOf(votes: Votes, value: Hash): number {
  return votes.find(({ body }) => body.value === value)?.from ?? 0
}
