/**
 * Votes on weights as a vector. A member adds 1 to each weight that it keeps and, where weights are offered, the
 * weight's value; the mean squares of its layer inputs stand in front. From the opened sums follows the tally of a
 * block, with the same bits as from plain contributions: masks/l0.ts merges both.
 */
import { InputError } from '../../base/errors.ts'
import { float16Of } from '../../form/fp16.ts'
import { ImpossibleTotalError } from '../errors.ts'
import type { BlockCase } from '../masks/block-case.ts'
import { sumsFault } from '../masks/bounds.ts'
import type { BlockContribution } from '../masks/contribution.ts'
import { type BlockTally, type LayerTally, maskOf } from '../masks/tally.ts'
import { zerosFault } from '../masks/validate.ts'
import { ofMeanSquares } from './plain.ts'
import { meanSquareTotals } from './totals.ts'
import { Wholes } from './wholes.ts'

/** The whole number that stands for a value of 1: every finite fp16 is a multiple of 2^-24. */
const VALUE_UNIT = 2 ** 24

/**
 * The largest |w'| that is added up: 40 bits in two's complement hold the sum of 2^7 - 1 of them, and a plan has at
 * most 64 members. Compensation makes the largest weight of a layer at most 4 times as large (bounds.ts), so every base
 * with weights up to 64 fits. With a byte less they would have to be below 1/2, and even small decoders have larger
 * ones.
 */
export const MOST_VALUE = 2 ** 8

/** A layer's part of a vector, or of a sum. */
interface VotedLayer {
  /** The number of those who keep each weight. */
  keepers: Uint8Array
  /** The sum of their values, in whole numbers of 1 / VALUE_UNIT; null: weights are the base's. */
  values: Float64Array | null
}

/**
 * A member's votes.
 * @param names - of the layers, in order of role, for messages
 * @throws {InputError} WEIGHT_RANGE: a kept weight is beyond MOST_VALUE
 */
export function ofVotes(block: BlockCase, contribution: BlockContribution, names: readonly string[]): Wholes[] {
  const layers = block.form.layers.flatMap(({ rows, cols }, role) => {
    const keepers = keepersOf(maskOf(block, role, contribution), rows * cols)
    const survivors = contribution.layers?.[role].survivors
    const values = survivors && Wholes.ofFloat64s(valuesOf(keepers, survivors, names[role]))
    return [Wholes.ofBytes(keepers), ...(values === undefined ? [] : [values])]
  })
  return [...ofMeanSquares(contribution.inputs), ...layers]
}

/** 1 for each weight that is kept. */
function keepersOf(mask: Uint8Array, size: number): Uint8Array {
  const keepers = new Uint8Array(size)
  for (let i = 0; i < size; i++) keepers[i] = (mask[i >> 3] >> (i & 7)) & 1
  return keepers
}

function valuesOf(keepers: Uint8Array, survivors: Uint16Array, name: string): Float64Array {
  const kept = Float32Array.from(float16Of(survivors))
  const values = new Float64Array(keepers.length)
  let next = 0
  for (let i = 0; i < values.length; i++) {
    if (keepers[i] === 0) continue
    const value = kept[next++]
    if (Math.abs(value) > MOST_VALUE) throw outOfRange(value, i, name)
    values[i] = value * VALUE_UNIT
  }
  return values
}

function outOfRange(value: number, index: number, name: string): InputError {
  return new InputError({
    code: 'WEIGHT_RANGE',
    what: `layer ${name}: the pruned weight ${index} is ${value}, beyond what a masked plan adds up (${MOST_VALUE})`,
    hint: 'Found the federation with --open, with --merge pooled, or with --pruner wanda or magnitude.',
  })
}

/** The parts of a vector: those of mean squares, one a layer input, and those of layers, in order of role. */
function partsOf(vector: readonly Wholes[]): { inputs: readonly Wholes[]; layers: (() => VotedLayer)[] } {
  const inputs = vector.filter(({ form }) => form.width === 16)
  const layers = vector.flatMap((part, k) => {
    if (part.form.width !== 1) return []
    const values = vector[k + 1]?.form.width === 5 ? vector[k + 1] : null
    return [() => ({ keepers: part.bytes(), values: values?.float64s() ?? null })]
  })
  return { inputs, layers }
}

/**
 * The tally of an opened sum.
 * @param voters - members of the list
 * @throws {ImpossibleTotalError} mean squares, or a layer when it is asked for, are no sum of valid contributions
 */
export function votesTally(block: BlockCase, sums: readonly Wholes[], voters: number): BlockTally {
  const { inputs, layers } = partsOf(sums)
  return {
    voters,
    columns: meanSquareTotals(inputs, voters),
    layerOf: (role) => layerTally(block, role, layers[role](), voters),
  }
}

/** @throws {ImpossibleTotalError} */
function layerTally(block: BlockCase, role: number, layer: VotedLayer, voters: number): LayerTally {
  const { keepers, values } = layer
  const fault = layerFault(layer, voters) ?? masksFault(block, role, keepers, voters)
  if (fault !== null) throw impossible(role, fault)
  const votes = new Uint16Array(keepers.length)
  for (let i = 0; i < votes.length; i++) votes[i] = voters - keepers[i]
  if (values === null) return { votes, sums: null }
  for (let i = 0; i < values.length; i++) values[i] /= VALUE_UNIT
  const beyond = sumsFault(block.base[role], { votes, sums: values }, voters, block.method.target)
  if (beyond !== null) throw impossible(role, beyond)
  return { votes, sums: values }
}

function impossible(role: number, reason: string): ImpossibleTotalError {
  return new ImpossibleTotalError(`layer ${role}, ${reason}`)
}

/** The reason for which so many members cannot have cast these votes on single weights; null: they can. */
function layerFault({ keepers, values }: VotedLayer, voters: number): string | null {
  for (let i = 0; i < keepers.length; i++) {
    if (isSum(keepers[i], values === null ? 0 : values[i], voters)) continue
    const sum = values === null ? '' : ` values that sum to ${values[i] / VALUE_UNIT}`
    return `weight ${i}: ${keepers[i]} votes of ${voters} sites${sum}`
  }
  return null
}

/** Whether `voters` members can have so many votes for a weight, and such a sum of values. */
function isSum(keepers: number, value: number, voters: number): boolean {
  return keepers >= 0 && keepers <= voters && Math.abs(value) <= keepers * MOST_VALUE * VALUE_UNIT
}

/** The reason for which these are no votes of masks that the pruner makes; null: they can be. */
function masksFault(block: BlockCase, role: number, keepers: Uint8Array, voters: number): string | null {
  if (block.method.pruner === 'magnitude') {
    const kept = keepersOf(maskOf(block, role, { inputs: [] }), keepers.length)
    const other = keepers.findIndex((keep, i) => keep !== voters * kept[i])
    return other < 0
      ? null
      : `weight ${other}: ${keepers[other]} votes of ${voters} sites, whose masks are all the same`
  }
  return zerosFault(block.form.layers[role], block.method, voters, (from, to) => {
    let zeros = 0
    for (let i = from; i < to; i++) zeros += voters - keepers[i]
    return zeros
  })
}

/**
 * The reason for which a site doubts the votes of a sum that its own part is in; null: it does not. Without that part
 * they must be votes of the other members.
 * @param sites - members of the list
 */
export function doubtOfVotes(own: readonly Wholes[], sums: readonly Wholes[], sites: number): string | null {
  const ownLayers = partsOf(own).layers
  for (const [role, layerOf] of partsOf(sums).layers.entries()) {
    const [{ keepers, values }, part] = [layerOf(), ownLayers[role]()]
    const others = (i: number) => (values === null || part.values === null ? 0 : values[i] - part.values[i])
    const weight = keepers.findIndex((keep, i) => !isSum(keep - part.keepers[i], others(i), sites - 1))
    if (weight >= 0) return `layer ${role}, weight ${weight}: the total does not have this site's own part in it`
  }
  return null
}
