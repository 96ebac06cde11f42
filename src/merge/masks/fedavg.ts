/**
 * Plain federated averaging under the merged mask, as a baseline for reports. The sum of a weight over those who keep
 * it is divided by the number of all contributors, so a weight shrinks by the share who prune it. Source: McMahan et
 * al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", 2017, with equal weights.
 */

import { isKept } from '../../form/mask.ts'
import type { BlockCase } from './block-case.ts'
import type { BlockContribution } from './contribution.ts'
import type { MergedBlock } from './merged-block.ts'
import { assertContributions, tallyLayer } from './tally.ts'

/**
 * The averaged weights, one array a layer in order of role, row-major [rows, cols]. They are float32, never rounded to
 * fp16, and +0 where the merged mask has 0.
 * @param merged - the block whose masks are taken
 * @throws {RangeError} see assertContributions and tallyLayer: the caller's mistake
 */
export function fedavgBlock(
  block: BlockCase,
  contributions: readonly BlockContribution[],
  merged: MergedBlock,
): Float32Array[] {
  const { form, method, base } = block
  assertContributions(method.pruner, contributions)
  const all = contributions.length
  return form.layers.map((_, role) => {
    const { votes, sums } = tallyLayer(block, role, contributions)
    const { mask } = merged.layers[role]
    const average = new Float32Array(votes.length)
    for (let i = 0; i < average.length; i++) {
      // A base value that `all - votes` members keep sums to their product, exactly: 24 bits times 13.
      if (isKept(mask, i)) average[i] = (sums === null ? base[role][i] * (all - votes[i]) : sums[i]) / all
    }
    return average
  })
}
