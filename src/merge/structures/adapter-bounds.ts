/**
 * How far the adapters of an honest member may lie from where all began: A as drawn by the plan's seed, B = 0. The
 * merge averages A and B apart, so each is bounded by itself: a huge A beside B = 0 changes nothing alone, and all with
 * the B of others.
 *
 * Adam moves a number by about its rate a step (Kingma, Ba 2014, section 2.1), so the steps of the plan bound both. The
 * figures below are those of `npm run bench -- bounds --pruner llm-pruner`; docs/explanation/liars.md has the table.
 * Sums are float64 from left to right: the same verdict on every machine.
 */
import type { LayerWeights } from '../../form/block-form.ts'
import { InvalidContributionError } from '../errors.ts'
import { type Adapter, addAdapter, isPruned, RANK, RATE, SCALE } from './adapter.ts'

/** Rounding to fp16 moves a number by at most this share of it; twice that, since means are rounded as well. */
const ROUNDING = 1 / 1024

/**
 * The farthest that a factor moves, divided by its distance if each number went the whole rate in every step. Measured:
 * B goes 1.00 in the first step, and 0.9 and less from then on. A stands still at first, since B is zero; then its
 * gradients grow with B, and with growing gradients Adam's steps are longer than the rate: 0.94 after 20 steps, 1.10 at
 * most, after 60, and 0.95 after 200. The bound is nearly twice that, for models and texts that were not measured.
 */
export const MAX_RATES = 2

/**
 * The largest norm of scale B A, divided by that of the layer. Where a plan has so many steps that the factors' bounds
 * allow anything, this one holds. Measured in the same way: 0.019 after 20 steps, 0.058 after 60, 0.078 after 200; the
 * steps get shorter, and training ends early once it brings nothing more.
 */
const MAX_CHANGE_RATIO = 0.5

/** How far an adapter lies from its start. All are Euclidean norms. */
interface AdapterMove {
  /** The distance of A from its start, and of B from zero. Zeros belong to removed places: they have not moved. */
  a: number
  b: number
  /** The norms of the change of the layer, scale B A, and of the layer itself. */
  change: number
  layer: number
}

export function moveOf(base: LayerWeights, adapter: Adapter, start: Adapter): AdapterMove {
  const changed = base.slice()
  addAdapter(changed, adapter, { rank: RANK, scale: SCALE, holdsZeros: isPruned(changed) })
  return {
    a: moveOfFactor(adapter.a, start.a),
    b: moveOfFactor(adapter.b, start.b),
    change: distance(changed, base),
    layer: normOf(base),
  }
}

/** How far a factor of this many values goes if each number moves by the whole rate in every step. */
export function wholeSteps(values: number, steps: number): number {
  return Math.sqrt(values) * RATE * steps
}

/**
 * @param role - of the layer
 * @param start - the adapter of this layer before any training
 * @param steps - the most that anybody trains in the whole plan: steps a round, in all rounds but the first
 * @throws {InvalidContributionError} NORM
 */
export function assertAdapterBounds(
  role: number,
  base: LayerWeights,
  adapter: Adapter,
  { start, steps }: { start: Adapter; steps: number },
): void {
  const { a, b, change, layer } = moveOf(base, adapter, start)
  for (const [name, found, values] of [
    ['A', a, start.a],
    ['B', b, start.b],
  ] as const) {
    const most = MAX_RATES * wholeSteps(values.length, steps) + ROUNDING * normOf(values)
    if (found <= most) continue
    const message = `${name} of the adapter is ${found} away from its start, at most ${most} after ${steps} steps`
    throw new InvalidContributionError('NORM', message, role)
  }
  if (change <= MAX_CHANGE_RATIO * layer) return
  const message = `adapters change the layer by ${change}, more than ${MAX_CHANGE_RATIO} of its norm ${layer}`
  throw new InvalidContributionError('NORM', message, role)
}

function moveOfFactor(values: Float32Array, start: Float32Array): number {
  return normOf(values.map((value, i) => (value === 0 ? 0 : value - start[i])))
}

function normOf(values: Float32Array): number {
  let squares = 0
  for (const value of values) squares += value * value
  return Math.sqrt(squares)
}

/** The Euclidean distance of two arrays of one length. */
function distance(one: Float32Array, other: Float32Array): number {
  let squares = 0
  for (let i = 0; i < one.length; i++) {
    const between = one[i] - other[i]
    squares += between * between
  }
  return Math.sqrt(squares)
}
