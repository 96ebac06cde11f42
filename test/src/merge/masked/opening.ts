/** An opening for tests: the streams of its members, as they mask and as a list of them is opened. */
import { createHash } from 'node:crypto'
import { addStreams, type StreamKey } from '../../../../src/merge/masked/streams.ts'
import { encodeMasked, sumOf, type VectorForm } from '../../../../src/merge/masked/vector.ts'
import type { Wholes } from '../../../../src/merge/masked/wholes.ts'

const keyOf = (...names: unknown[]) => new Uint8Array(createHash('sha256').update(names.join()).digest())

/** The streams that a member adds: its own, and one shared with each other member. */
export function maskingStreams(members: number, member: number, seed = 0): StreamKey[] {
  const others = [...Array(members).keys()].filter((other) => other !== member)
  return [{ key: keyOf(seed, member), sign: 1 }, ...others.map((other) => sharedStream(member, other, seed))]
}

function sharedStream(member: number, other: number, seed: number): StreamKey {
  return {
    key: keyOf(seed, Math.min(member, other), Math.max(member, other)),
    sign: other > member ? 1 : -1,
  }
}

/** The streams that are left in the sum of a list. */
export function leftStreams(members: number, list: readonly number[], seed = 0): StreamKey[] {
  const missing = [...Array(members).keys()].filter((member) => !list.includes(member))
  return list.flatMap((member) => [
    { key: keyOf(seed, member), sign: 1 as const },
    ...missing.map((other) => sharedStream(member, other, seed)),
  ])
}

/** Masks the vectors of a list, which it changes, and opens their sum. */
export function openedSum(
  form: VectorForm,
  vectors: readonly Wholes[][],
  { members = vectors.length, list = [...vectors.keys()], slot = 5 } = {},
): Wholes[] {
  const masked = vectors.map((vector, i) => {
    addStreams(vector, slot, maskingStreams(members, list[i]), 1)
    return encodeMasked(form, vector)
  })
  const sums = sumOf(form, masked)
  addStreams(sums, slot, leftStreams(members, list), -1)
  return sums
}
