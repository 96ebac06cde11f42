/**
 * Whether a contribution may enter a merge, judged by the base model and the plan alone, so that all members judge
 * alike. A contribution that decodeContribution accepts has the right form and finite values already. This file checks
 * the pruner's exact counts, and bounds.ts the bounds. The payload `statistics` needs neither: any finite, non-negative
 * numbers give a mask with the right counts and the base's own values.
 */

import { floorShare } from '../../base/decimal.ts'
import type { LayerForm } from '../../form/block-form.ts'
import { countZerosIn } from '../../form/mask.ts'
import { type PayloadKind, payloadOf, type SparseMethod, type SparsityTarget } from '../../form/method.ts'
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

/** @throws {InvalidContributionError} ZEROS */
function assertZeros(form: LayerForm, role: number, target: SparsityTarget, mask: Uint8Array): void {
  const fault = zerosFault(form, { pruner: 'sparsegpt', target }, 1, (from, to) => countZerosIn(mask, from, to))
  if (fault !== null) throw new InvalidContributionError('ZEROS', fault, role)
}

/** Places of a layer in which a pruner leaves an exact number of zeros: rectangles, row after row of them. */
interface Places {
  rows: number
  cols: number
}

/**
 * The first places in which `sites` masks together have other zeros than the pruner leaves, in words; null: none. The
 * zeros are n in every m consecutive columns of a row, or floor(size * s) of a layer (magnitude), a row (Wanda), or a
 * block of columns (SparseGPT).
 * @param zerosIn - counts those of all masks among the weights [from, to)
 */
export function zerosFault(
  { rows, cols }: LayerForm,
  { pruner, target }: SparseMethod,
  sites: number,
  zerosIn: (from: number, to: number) => number,
): string | null {
  const places = placesOf({ rows, cols }, { pruner, target })
  for (let top = 0; top < rows; top += places.rows) {
    for (let start = 0; start < cols; start += places.cols) {
      const end = Math.min(start + places.cols, cols)
      const each = target.kind === 'pattern' ? target.n : floorShare(places.rows * (end - start), target.ppm)
      let zeros = 0
      for (let row = top; row < top + places.rows; row++) zeros += zerosIn(row * cols + start, row * cols + end)
      if (zeros === sites * each) continue
      const of = target.kind === 'pattern' ? ` of ${sites * target.m}` : ''
      const place = `${places.rows < rows ? `row ${top}, ` : ''}columns ${start} to ${end - 1}`
      return `${place}: ${zeros} zeros${of}, the plan asks ${sites * each}`
    }
  }
  return null
}

function placesOf({ rows, cols }: Places, { pruner, target }: SparseMethod): Places {
  if (target.kind === 'pattern') return { rows: 1, cols: target.m }
  if (pruner === 'sparsegpt') return { rows, cols: blockColumns(target) }
  return pruner === 'wanda' ? { rows: 1, cols } : { rows, cols }
}
