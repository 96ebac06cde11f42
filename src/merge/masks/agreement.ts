/** How far the masks that members offer for a layer agree. No merge depends on it: it is for reports. */
import type { BlockTally } from './tally.ts'

/**
 * The share of the weights zeroed by one mask that another one zeroes as well, over all ordered pairs of n masks. A
 * weight that v of them zero is a zero of the first one in v (n - 1) pairs, and of both in v (v - 1). Masks drawn by
 * chance have their sparsity as agreement.
 * @param votes - the number of masks that zero each weight
 * @returns null: there are fewer than two masks, or no zeros
 */
export function agreementOf(votes: Uint16Array, voters: number): number | null {
  let once = 0
  let twice = 0
  for (const own of votes) {
    once += own
    twice += own * (own - 1)
  }
  return voters < 2 || once === 0 ? null : twice / (once * (voters - 1))
}

/** The tally, which writes down each layer's agreement when the layer is asked for. @param into - one entry a role */
export function watched(tally: BlockTally, into: (number | null)[]): BlockTally {
  return {
    ...tally,
    layerOf(role) {
      const layer = tally.layerOf(role)
      into[role] = agreementOf(layer.votes, tally.voters)
      return layer
    },
  }
}
