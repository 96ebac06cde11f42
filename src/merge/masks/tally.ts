/**
 * The contributions for a layer, added up: the number of members who prune each weight, and the sum of the weight over
 * those who keep it. Masked ones are added up in masked/votes.ts: to the same bits. The sums are exact, so the order
 * does not matter: finite fp16 values are whole multiples of 2^-24 below 2^16, so 2^13 of them sum to a whole multiple
 * of 2^-24 below 2^29, which is 53 bits, as many as a float64 holds.
 */

import { float16Of } from '../../form/fp16.ts'
import { countKept } from '../../form/mask.ts'
import type { PrunerName } from '../../form/method.ts'
import { magnitudeMask } from '../../prune/masks/magnitude.ts'
import { wandaMask } from '../../prune/masks/wanda.ts'
import type { BlockCase } from './block-case.ts'
import type { BlockContribution } from './contribution.ts'
import { summedSquares } from './saliency.ts'
import type { SparseLayer } from './sparse-layer.ts'

/** This many finite fp16 values sum exactly in a float64, in any order. */
export const MAX_CONTRIBUTIONS = 8192

/** One layer's contributions, added up. Both arrays are flat row-major [rows, cols]. */
export interface LayerTally {
  /** The number of contributions that prune each weight. */
  votes: Uint16Array
  /** Sums over the contributions that keep the weight; null if survivors are the base's own values. */
  sums: Float64Array | null
}

/** The sums of all that members offer to a block. */
export interface BlockTally {
  /** The number of members who voted. */
  voters: number
  /** One entry a layer input: summed mean squares, exact and rounded once, [cols]. */
  columns: readonly Float64Array[]
  /** Called once for each layer: its arrays may be overwritten then. */
  layerOf(role: number): LayerTally
}

/**
 * @throws {RangeError} there are no contributions, more than MAX_CONTRIBUTIONS, or one of the wrong payload: the
 * caller's mistake
 */
export function assertContributions(pruner: PrunerName, contributions: readonly BlockContribution[]): void {
  if (contributions.length < 1 || contributions.length > MAX_CONTRIBUTIONS) {
    throw new RangeError(`${contributions.length} contributions: expected 1 to ${MAX_CONTRIBUTIONS}`)
  }
  if (contributions.some(({ layers }) => (layers === undefined) === (pruner === 'sparsegpt'))) {
    throw new RangeError(`a contribution does not have the payload of ${pruner}`)
  }
}

/**
 * Adds up the contributions for a block, each layer when it is asked for.
 * @param faults - not 0: columns are summed as by the rule `trimmed`
 * @throws {RangeError} see tallyLayer
 */
export function tallyBlock(block: BlockCase, contributions: readonly BlockContribution[], faults: number): BlockTally {
  return {
    voters: contributions.length,
    columns: block.form.inputs.map((cols, input) => summedSquares(contributions, input, cols, faults)),
    layerOf: (role) => tallyLayer(block, role, contributions),
  }
}

/**
 * Adds up the contributions for one layer.
 * @param role - number of the layer within its block
 * @throws {RangeError} another number of base weights, or survivors that do not fit their mask: the caller's mistake
 */
export function tallyLayer(block: BlockCase, role: number, contributions: readonly BlockContribution[]): LayerTally {
  const { form, method, base } = block
  const size = form.layers[role].rows * form.layers[role].cols
  const given = base[role].length
  if (given !== size) throw new RangeError(`layer ${role}: ${given} base weights, expected ${size}`)
  const votes = new Uint16Array(size)
  if (method.pruner === 'sparsegpt') {
    const sums = new Float64Array(size)
    for (const { layers } of contributions) addSparse(votes, sums, (layers ?? [])[role])
    return { votes, sums }
  }
  for (const mask of derivedMasks(block, role, contributions)) addVotes(votes, mask)
  return { votes, sums: null }
}

/** The masks of the senders of statistics. */
function* derivedMasks(
  block: BlockCase,
  role: number,
  contributions: readonly BlockContribution[],
): Generator<Uint8Array> {
  const [first] = contributions
  const same = block.method.pruner === 'magnitude' ? maskOf(block, role, first) : null
  for (const contribution of contributions) yield same ?? maskOf(block, role, contribution)
}

/** A member's mask of a layer: as sent, or a function of the base weights and its statistics. */
export function maskOf(
  { form, method: { pruner, target }, base }: BlockCase,
  role: number,
  { inputs, layers }: BlockContribution,
): Uint8Array {
  if (layers !== undefined) return layers[role].mask
  const { rows, cols, input } = form.layers[role]
  return pruner === 'wanda'
    ? wandaMask(base[role], rows, cols, inputs[input], target)
    : magnitudeMask(base[role], rows, cols, target)
}

function addVotes(votes: Uint16Array, mask: Uint8Array): void {
  for (let i = 0; i < votes.length; i++) votes[i] += 1 - ((mask[i >> 3] >> (i & 7)) & 1)
}

/** Adds one sparse layer without branches: a pruned weight adds 0 times the next survivor. */
function addSparse(votes: Uint16Array, sums: Float64Array, { mask, survivors }: SparseLayer): void {
  if (survivors.length !== countKept(mask)) throw new RangeError('survivors do not fit the mask')
  const values = new Float32Array(survivors.length + 1) // one more: the last weights may be pruned
  values.set(float16Of(survivors))
  let next = 0
  for (let i = 0; i < votes.length; i++) {
    const kept = (mask[i >> 3] >> (i & 7)) & 1
    sums[i] += kept * values[next]
    votes[i] += 1 - kept
    next += kept
  }
}
