/**
 * The importance of a coupled structure for the loss. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.2, equations
 * 3 and 5: for each single weight |w g| (`taylor1`) or w^2 times the mean squared gradient of a sample (`taylor2`), or
 * for each row or column |sum of w g| (`vector`); these are then reduced over the members of a structure.
 *
 * Deviation from the authors' program: queries are credited to the keys and values that they share, not to others.
 */
import type { CoupledTensor } from '../find/structure.ts'

export type Importance = 'taylor1' | 'taylor2' | 'vector' | 'l2'
/** The criterion by which units are removed. */
export type Criterion = Importance | 'random'
export type Reduction = 'sum' | 'max'

/** A tensor as the graph stores it, and its gradient. */
interface Weights {
  weight: Float32Array
  /**
   * The gradient of the mean loss over all samples; for `taylor2` the mean over samples of its square; for `l2` none.
   */
  gradient?: Float32Array
}

/** A member with its matrix. */
export interface Weighed extends Weights {
  member: CoupledTensor
  /** [first, second], row-major. */
  dims: readonly [number, number]
}

/** The importance of a single weight, from its gradient; for `l2` the weight is passed in place of the gradient. */
const COUNTS: Record<Importance, (weight: number, gradient: number) => number> = {
  taylor1: (w, g) => Math.abs(w * g),
  taylor2: (w, g) => Math.abs(w * w * g),
  vector: (w, g) => w * g,
  l2: (w) => w * w,
}

/**
 * One score for each place along an axis: the sum of the absolute importances of its weights, or for `vector` the
 * absolute value of the sum.
 * @param shape - sizes before the axis, along it, and behind it
 * @throws {RangeError} gradients are needed and missing
 */
export function axisScores(
  { weight, gradient }: Weights,
  [before, places, behind]: readonly [number, number, number],
  importance: Importance,
): Float64Array {
  const factor = importance === 'l2' ? weight : gradient
  if (factor === undefined) throw new RangeError(`${importance} needs gradients`)
  const scores = new Float64Array(places)
  const count = COUNTS[importance]
  for (let outer = 0, at = 0; outer < before; outer++) {
    // The last axis is walked in one loop in either case: three times as fast for columns.
    if (behind === 1) for (let place = 0; place < places; place++, at++) scores[place] += count(weight[at], factor[at])
    else
      for (let place = 0; place < places; place++) {
        let sum = scores[place]
        for (const end = at + behind; at < end; at++) sum += count(weight[at], factor[at])
        scores[place] = sum
      }
  }
  return importance === 'vector' ? scores.map(Math.abs) : scores
}

/** One score for each place along the member's axis. */
export function placeScores(weighed: Weighed, importance: Importance): Float64Array {
  const [rows, cols] = weighed.dims
  return axisScores(weighed, weighed.member.axis === 0 ? [1, rows, cols] : [rows, cols, 1], importance)
}

/**
 * One score for each unit: members are reduced place by place, then the places of a unit are added. A member with
 * several times the places of another (queries that share keys) is first added up to as many places.
 */
export function unitScores(weighed: readonly Weighed[], importance: Importance, reduction: Reduction): Float64Array {
  const [{ member: first }] = weighed
  const scores = weighed.map((each) => placeScores(each, importance))
  return Float64Array.from(first.places, (_, unit) => {
    const width = Math.min(...weighed.map(({ member }) => member.places[unit].length))
    const reduced = new Float64Array(width)
    for (const [k, { member }] of weighed.entries()) {
      const places = member.places[unit]
      const folded = new Float64Array(width)
      for (let i = 0; i < places.length; i++) folded[i % width] += scores[k][places[i]]
      for (let i = 0; i < width; i++)
        reduced[i] = reduction === 'sum' ? reduced[i] + folded[i] : Math.max(reduced[i], folded[i])
    }
    return reduced.reduce((sum, score) => sum + score, 0)
  })
}
