/**
 * The merge rule `l0`. A weight that members keep becomes the mean over those who keep it; a weight that all prune is
 * zero; then the mask expands to the plan's sparsity. Every member counts equally. Source: FedSpaLLM (Bai et al., NAACL
 * 2025), equation 5 for the mean; mask-expansion.ts for the rest.
 *
 * The rule `trimmed` (trimmed.ts) has the same votes and the same expansion.
 *
 * The merge is a pure function of the set of contributions, with the same bits on every machine: sums are exact, and
 * the mean of an exact sum S over n <= 2^13 is rounded to fp16 once. (S / n is a float64 first. That second rounding
 * changes nothing: a tie t between two fp16 values is a multiple of 2^-25, of 2^-24 from magnitude 2^-13 on, so a
 * quotient that is not t is at least 2^-38, respectively 2^-37, away from it, and half a unit of a float64 there is
 * less.)
 */

import { float16Of, fp16Bits } from '../../form/fp16.ts'
import { countKept } from '../../form/mask.ts'
import { payloadOf } from '../../form/method.ts'
import { watched } from './agreement.ts'
import type { BlockCase } from './block-case.ts'
import type { BlockContribution } from './contribution.ts'
import { expandMask } from './mask-expansion.ts'
import type { MergedBlock, MergedLayer } from './merged-block.ts'
import { assertContributions, type BlockTally, type LayerTally, tallyBlock } from './tally.ts'
import { trimmedStatistics, trimmedWeights } from './trimmed.ts'

export { fedavgBlock } from './fedavg.ts'

/**
 * Merges the contributions for one block.
 * @param contributions - at least one, each decoded and validated; their order does not matter
 * @param faults - the number of liars that the rule `trimmed` withstands; 0: the rule is `l0`
 * @param agreement - gets one entry a role, where there are masks: see BlockFit
 * @throws {RangeError} see assertContributions and tallyLayer: the caller's mistake
 */
export function mergeBlock(
  block: BlockCase,
  contributions: readonly BlockContribution[],
  faults = 0,
  agreement: (number | null)[] = [],
): MergedBlock {
  const { form, method } = block
  assertContributions(method.pruner, contributions)
  if (faults > 0 && payloadOf(method.pruner) === 'statistics')
    return mergeBlock(block, [{ inputs: trimmedStatistics(form, contributions, faults) }])
  const tally = watched(tallyBlock(block, contributions, faults), agreement)
  if (faults === 0) return mergeTally(block, tally)
  const layersOf = (role: number) => contributions.map(({ layers = [] }) => layers[role])
  return mergeMeans(block, tally, ({ votes }, role) => trimmedWeights(layersOf(role), votes.length, faults))
}

/** Merges one block by the rule `l0` from what all members together offer: plain contributions, or an opened sum. */
export function mergeTally(block: BlockCase, tally: BlockTally): MergedBlock {
  return mergeMeans(block, tally, ({ votes, sums }) => (sums === null ? null : storedMeans(sums, votes, tally.voters)))
}

/** @param meansOf - of a layer, over those who keep a weight, as fp16 bits; null: weights are the base's */
function mergeMeans(
  { form, method, base }: BlockCase,
  { voters, columns, layerOf }: BlockTally,
  meansOf: (layer: LayerTally, role: number) => Uint16Array | null,
): MergedBlock {
  const layers = form.layers.map(({ rows, cols, input }, role): MergedLayer => {
    const layer = layerOf(role)
    const { votes } = layer
    const means = meansOf(layer, role)
    const values = means === null ? base[role] : float16Of(means)
    const mask = expandMask({ rows, cols, votes, voters, values, columns: columns[input] }, method.target)
    return { mask, survivors: means === null ? null : keptBits(means, mask) }
  })
  return { layers }
}

/** Means over those who keep a weight, as fp16 bits, never -0; 0 where nobody keeps it. Overwrites the sums. */
function storedMeans(sums: Float64Array, votes: Uint16Array, voters: number): Uint16Array {
  for (let i = 0; i < sums.length; i++) sums[i] /= Math.max(voters - votes[i], 1)
  return fp16Bits(sums)
}

function keptBits(bits: Uint16Array, mask: Uint8Array): Uint16Array {
  const kept = new Uint16Array(countKept(mask))
  let next = 0
  for (let i = 0; i < bits.length; i++) {
    if (((mask[i >> 3] >> (i & 7)) & 1) === 1) kept[next++] = bits[i]
  }
  return kept
}
