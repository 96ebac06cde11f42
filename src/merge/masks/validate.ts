/**
 * Whether a contribution may enter a merge, judged by the base model and the plan alone, so that all members judge
 * alike. A contribution that decodeContribution accepts has the right form and finite values already. This file checks
 * the pruner's exact counts, and bounds.ts the bounds. The payload `statistics` needs neither: any finite, non-negative
 * numbers give a mask with the right counts and the base's own values.
 */

import { floorShare } from '../../base/decimal.ts'
import type { LayerForm } from '../../form/block-form.ts'
import { countZerosIn } from '../../form/mask.ts'
import { type PayloadKind, payloadOf, type SparsityTarget } from '../../form/method.ts'
import { blockColumns } from '../../prune/masks/target.ts'
import { InvalidContributionError } from '../errors.ts'
import type { BlockCase } from './block-case.ts'
import { assertBounds } from './bounds.ts'
import { type BlockContribution, shapeFault } from './contribution.ts'

export { InvalidContributionError } from '../errors.ts'

/**
 * Checks a decoded contribution for one block.
 * @throws {InvalidContributionError} KIND, FORM, ZEROS, PEAK, NORM or COSINE: the author is at fault
 */
export function validateContribution(
  { form, method: { pruner, target }, base }: BlockCase,
  kind: PayloadKind,
  contribution: BlockContribution,
): void {
  if (kind !== payloadOf(pruner) || (kind === 'weights') !== (contribution.layers !== undefined)) {
    throw new InvalidContributionError('KIND', `the payload of ${pruner} is ${payloadOf(pruner)}`)
  }
  const fault = shapeFault(form, contribution)
  if (fault !== null) throw new InvalidContributionError('FORM', fault.what, fault.layer)
  for (const [role, layer] of (contribution.layers ?? []).entries()) {
    assertZeros(form.layers[role], role, target, layer.mask)
    assertBounds(role, base[role], layer, target)
  }
}

/**
 * Checks SparseGPT's zeros: floor(rows * width * s) in every block of columns, or n in every m consecutive columns of a
 * row. @throws {InvalidContributionError} ZEROS
 */
function assertZeros({ rows, cols }: LayerForm, role: number, target: SparsityTarget, mask: Uint8Array): void {
  if (target.kind === 'pattern') {
    for (let at = 0; at < rows * cols; at += target.m) {
      const zeros = countZerosIn(mask, at, at + target.m)
      if (zeros === target.n) continue
      const place = `row ${Math.floor(at / cols)}, columns from ${at % cols}`
      throw wrongZeros(role, `${place}: ${zeros} zeros of ${target.m}, the plan asks ${target.n}`)
    }
    return
  }
  const width = blockColumns(target)
  for (let start = 0; start < cols; start += width) {
    const end = Math.min(start + width, cols)
    const wanted = floorShare(rows * (end - start), target.ppm)
    let zeros = 0
    for (let row = 0; row < rows; row++) zeros += countZerosIn(mask, row * cols + start, row * cols + end)
    if (zeros !== wanted)
      throw wrongZeros(role, `columns ${start} to ${end - 1}: ${zeros} zeros, the plan asks ${wanted}`)
  }
}

function wrongZeros(role: number, message: string): InvalidContributionError {
  return new InvalidContributionError('ZEROS', message, role)
}
