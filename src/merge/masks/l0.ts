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
import type { BlockCase } from './block-case.ts'
import type { BlockContribution } from './contribution.ts'
import { expandMask } from './mask-expansion.ts'
import type { MergedBlock, MergedLayer } from './merged-block.ts'
import { summedSquares } from './saliency.ts'
import { assertContributions, tallyLayer } from './tally.ts'
import { trimmedStatistics, trimmedWeights } from './trimmed.ts'

export { fedavgBlock } from './fedavg.ts'

/**
 * Merges the contributions for one block.
 * @param contributions - at least one, each decoded and validated; their order does not matter
 * @param faults - the number of liars that the rule `trimmed` withstands; 0: the rule is `l0`
 * @throws {RangeError} see assertContributions and tallyLayer: the caller's mistake
 */
export function mergeBlock(block: BlockCase, contributions: readonly BlockContribution[], faults = 0): MergedBlock {
  const { form, method, base } = block
  assertContributions(method.pruner, contributions)
  if (faults > 0 && payloadOf(method.pruner) === 'statistics')
    return mergeBlock(block, [{ inputs: trimmedStatistics(form, contributions, faults) }])
  const columns = form.inputs.map((cols, input) => summedSquares(contributions, input, cols, faults))
  const voters = contributions.length
  const layers = form.layers.map(({ rows, cols, input }, role): MergedLayer => {
    const { votes, sums } = tallyLayer(block, role, contributions)
    const means = sums === null ? null : meansOf({ sums, votes, voters }, contributions, role, faults)
    const values = means === null ? base[role] : float16Of(means)
    const mask = expandMask({ rows, cols, votes, voters, values, columns: columns[input] }, method.target)
    return { mask, survivors: means === null ? null : keptBits(means, mask) }
  })
  return { layers }
}

/** Means over those who keep a weight, as fp16 bits. */
function meansOf(
  { sums, votes, voters }: { sums: Float64Array; votes: Uint16Array; voters: number },
  contributions: readonly BlockContribution[],
  role: number,
  faults: number,
): Uint16Array {
  if (faults === 0) return storedMeans(sums, votes, voters)
  const layers = contributions.map((contribution) => (contribution.layers ?? [])[role])
  return trimmedWeights(layers, sums.length, faults)
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
