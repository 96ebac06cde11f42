/**
 * Whether a contribution may enter a merge, judged by the base model and the plan alone, so that all members judge
 * alike. A contribution that decodeContribution accepts has the right form and finite values already. This file checks
 * the pruner's exact counts and the bounds. The payload `statistics` needs neither check: any finite, non-negative
 * numbers give a mask with the right counts and the base's own values.
 */

import { floorShare } from '../../base/decimal.ts'
import type { LayerForm, LayerWeights } from '../../form/block-form.ts'
import { float16Of } from '../../form/fp16.ts'
import { countZerosIn } from '../../form/mask.ts'
import { type PayloadKind, payloadOf, type SparsityTarget } from '../../form/method.ts'
import { blockColumns } from '../../prune/masks/target.ts'
import { InvalidContributionError } from '../errors.ts'
import type { BlockCase } from './block-case.ts'
import { type BlockContribution, shapeFault } from './contribution.ts'

export { InvalidContributionError } from '../errors.ts'

/**
 * The Frobenius norm of a contributed layer, divided by the base's. Compensation moves the error of the zeros into the
 * survivors. Measured on the embedded model at 80 % with 1 to 32 windows of 512 tokens: at most 1.36 (one window).
 */
export const MAX_NORM_RATIO = 2
/**
 * The largest |w'| of a contributed layer, divided by the largest |w| of the base. Compensation piles up on few
 * weights. Measured in the same way: at most 3.4; at 90 % it reaches 4.2, so a few honest layers of such a plan are
 * refused.
 */
export const MAX_PEAK_RATIO = 4

/**
 * Checks a decoded contribution for one block.
 * @throws {InvalidContributionError} KIND, FORM, ZEROS, NORM or PEAK: the author is at fault
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
    assertBounds(role, base[role], float16Of(layer.survivors))
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

/**
 * Checks a layer against MAX_NORM_RATIO and MAX_PEAK_RATIO. Sums of squares are float64, added from left to right: the
 * same verdict on every machine.
 * @throws {InvalidContributionError} NORM or PEAK
 */
export function assertBounds(role: number, base: LayerWeights, values: Float32Array | Float16Array): void {
  const [baseSquares, basePeak] = extent(base)
  const [squares, peak] = extent(values)
  if (peak > MAX_PEAK_RATIO * basePeak) {
    const message = `the largest weight is ${peak}, more than ${MAX_PEAK_RATIO} times the base's ${basePeak}`
    throw new InvalidContributionError('PEAK', message, role)
  }
  if (squares > MAX_NORM_RATIO * MAX_NORM_RATIO * baseSquares) {
    const [norm, baseNorm] = [Math.sqrt(squares), Math.sqrt(baseSquares)]
    const message = `the norm is ${norm}, more than ${MAX_NORM_RATIO} times the base's ${baseNorm}`
    throw new InvalidContributionError('NORM', message, role)
  }
}

/** Sum of squares and largest magnitude. */
function extent(values: Float32Array | Float16Array): [number, number] {
  let squares = 0
  let peak = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    squares += value * value
    peak = Math.max(peak, Math.abs(value))
  }
  return [squares, peak]
}
