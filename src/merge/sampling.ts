/**
 * Layer sampling: the blocks that a member prunes in a round. The plan alone decides them, so that nobody picks and
 * anybody can check. It follows FedSpaLLM (Bai et al., NAACL 2025), section 4.3, whose server draws blocks at random by
 * resources.
 *
 * The B blocks stand in a circle, in the order pi. Members, sorted by peer id, take arcs of it, of k_i blocks each, one
 * behind the other: so every block is in floor(K / B) or ceil(K / B) of them, K = sum of k. In the next round all arcs
 * are min k blocks further: they stay one behind the other, and no arc leaves a gap behind its former place.
 */
import { createHash } from 'node:crypto'
import { PPM } from '../base/decimal.ts'
import { drawer } from '../form/draw.ts'

interface SampledMember {
  /** The peer id as bytes. */
  peerId: Uint8Array
  /** The share of the blocks that the member prunes in a round, in ppm, at least 1. */
  capacityPpm: number
}

interface Arc {
  peerId: Uint8Array
  /** k: the number of blocks in a round. */
  length: number
  /** o: the place in the circle where the arc begins in round 1. */
  offset: number
}

export interface Arcs {
  blocks: number
  /** pi: the numbers of the blocks in the order of the circle. */
  order: readonly number[]
  /** Sorted by peer id as bytes, ascending: entry i is member i of the plan. */
  members: readonly Arc[]
  /** min k: the number of places that all arcs move in a round. */
  step: number
}

/**
 * Places the members' arcs on the circle.
 * @param offerHash - SHA-256 of the offer
 * @param members - in any order
 * @throws {RangeError} there are no blocks or members, a capacity is not in (0, 10^6], or a peer id occurs twice
 */
export function arcs({
  offerHash,
  members,
  blocks,
}: {
  offerHash: Uint8Array
  members: readonly SampledMember[]
  blocks: number
}): Arcs {
  if (!Number.isInteger(blocks) || blocks < 1) throw new RangeError(`${blocks} blocks: expected at least 1`)
  if (members.length === 0) throw new RangeError('no members')
  const sorted = [...members].sort((a, b) => Buffer.compare(a.peerId, b.peerId))
  let offset = 0
  const placed = sorted.map(({ peerId, capacityPpm }, i): Arc => {
    if (i > 0 && Buffer.compare(sorted[i - 1].peerId, peerId) === 0) throw new RangeError('a member occurs twice')
    const arc = { peerId, length: blocksPerRound(blocks, capacityPpm), offset }
    offset += arc.length
    return arc
  })
  const seed = createHash('sha256').update(offerHash)
  for (const { peerId } of sorted) seed.update(peerId)
  const step = Math.min(...placed.map(({ length }) => length))
  return { blocks, order: shuffledBlocks(blocks, seed.digest()), members: placed, step }
}

/**
 * The number of blocks that a member prunes in a round: k = clamp(floor(c B + 1/2), 1, B), in integers (exact: 2 c B is
 * below 2^53 for B up to 2^31).
 * @param capacityPpm - c, in ppm
 * @throws {RangeError} the capacity is not an integer from 1 to 10^6
 */
export function blocksPerRound(blocks: number, capacityPpm: number): number {
  if (!Number.isInteger(capacityPpm) || capacityPpm < 1 || capacityPpm > PPM) {
    throw new RangeError(`a capacity of ${capacityPpm} ppm: expected 1 to ${PPM}`)
  }
  return Math.min(Math.max(Math.floor((2 * capacityPpm * blocks + PPM) / (2 * PPM)), 1), blocks)
}

/**
 * The blocks that a member prunes in a round, ascending.
 * @param member - index by peer id
 * @param round - from 1
 * @throws {RangeError} there is no such member or round
 */
export function blocksOf({ blocks, order, members, step }: Arcs, member: number, round: number): number[] {
  const arc = members[member]
  if (arc === undefined) throw new RangeError(`member ${member} of ${members.length}`)
  if (!Number.isInteger(round) || round < 1) throw new RangeError(`round ${round}: rounds begin at 1`)
  const start = arc.offset + (round - 1) * step
  return Array.from({ length: arc.length }, (_, t) => order[(start + t) % blocks]).sort((a, b) => a - b)
}

/** The number of rounds after which a member has pruned every block: 1 + ceil((B - k) / step). */
export function roundsToCover({ blocks, members, step }: Arcs, member: number): number {
  return 1 + Math.ceil((blocks - members[member].length) / step)
}

/** The number of rounds after which every member has pruned every block. */
export function roundsUntilComplete(sampling: Arcs): number {
  return Math.max(...sampling.members.map((_, member) => roundsToCover(sampling, member)))
}

/**
 * The number of rounds after which every block has been pruned by some member: 1, unless all arcs together are shorter
 * than B.
 */
export function roundsUntilCovered({ blocks, members, step }: Arcs): number {
  const together = members.reduce((sum, { length }) => sum + length, 0)
  return 1 + Math.max(0, Math.ceil((blocks - together) / step))
}

/**
 * Fisher and Yates' shuffle of 0 ... B - 1 (Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 P): for i
 * from B - 1 down to 1, entry i changes places with entry draw(i + 1).
 */
function shuffledBlocks(blocks: number, seed: Uint8Array): number[] {
  const order = Array.from({ length: blocks }, (_, block) => block)
  const draw = drawer(seed)
  for (let i = blocks - 1; i > 0; i--) {
    const j = draw(i + 1)
    const block = order[i]
    order[i] = order[j]
    order[j] = block
  }
  return order
}
