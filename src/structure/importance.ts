/**
 * How much a coupled structure matters to the loss. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.2, equations 3
 * and 5: of each single weight |w g| (`taylor1`), w^2 times the mean squared gradient of a sample (`taylor2`), or of each
 * row or column |sum of w g| (`vector`); then over the members of a structure.
 *
 * Deviation from the authors' program: queries are credited to the keys and values that they share, not to others.
 */
import type { Member } from './structures.ts'

export type Importance = 'taylor1' | 'taylor2' | 'vector' | 'l2'
/** What decides which units go. */
export type Criterion = Importance | 'random'
export type Reduction = 'sum' | 'max'

/** A member with its matrix, both as the graph stores it. */
export interface Weighed {
  member: Member
  /** [first, second], row-major. */
  dims: readonly [number, number]
  /** Of each single weight: what `salience` gives. */
  values: Float64Array
}

/**
 * Of each single weight, signed.
 * @param gradient - of the mean loss over all samples; for `taylor2` the mean over samples of its square
 */
export function salience(importance: Importance, weight: Float32Array, gradient?: Float32Array): Float64Array {
  if (importance === 'l2') return Float64Array.from(weight, (w) => w * w)
  if (gradient === undefined) throw new RangeError(`${importance} needs gradients`)
  if (importance === 'taylor2') return Float64Array.from(weight, (w, i) => w * w * gradient[i])
  return Float64Array.from(weight, (w, i) => w * gradient[i])
}

/** One score for each place along the member's axis: of absolute values, or for `vector` the absolute value of the sum. */
export function placeScores({ member, dims, values }: Weighed, importance: Importance): Float64Array {
  const [rows, cols] = dims
  const scores = new Float64Array(dims[member.axis])
  for (let row = 0, at = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++, at++) {
      scores[member.axis === 0 ? row : col] += importance === 'vector' ? values[at] : Math.abs(values[at])
    }
  }
  return importance === 'vector' ? scores.map(Math.abs) : scores
}

/**
 * One score for each unit: members are reduced place by place, then the places of a unit are added. A member with several
 * times the places of another, queries that share keys, is added up to as many first.
 */
export function unitScores(weighed: readonly Weighed[], importance: Importance, reduction: Reduction): Float64Array {
  const [{ member: first }] = weighed
  const scores = weighed.map((each) => placeScores(each, importance))
  return Float64Array.from(first.places, (_, unit) => {
    const width = Math.min(...weighed.map(({ member }) => member.places[unit].length))
    const reduced = new Float64Array(width)
    for (const [k, { member }] of weighed.entries()) {
      const folded = new Float64Array(width)
      for (const [i, place] of member.places[unit].entries()) folded[i % width] += scores[k][place]
      for (const [i, score] of folded.entries()) {
        reduced[i] = reduction === 'sum' ? reduced[i] + score : Math.max(reduced[i], score)
      }
    }
    return reduced.reduce((sum, score) => sum + score, 0)
  })
}
