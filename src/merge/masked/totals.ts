/**
 * The totals of a list's vectors once all streams are taken away, with the same bits as the merges of plain
 * contributions have them. A total that no sum of honest parts can be is refused; nobody can tell whose part is wrong.
 */
import type { LayerWeights } from '../../form/block-form.ts'
import { isBeyond } from '../../form/fp16.ts'
import { ImpossibleTotalError, InvalidContributionError } from '../errors.ts'
import { unitOf } from '../pooled/products.ts'
import { TOTAL } from '../structures/scaled-importances.ts'
import { type PackedAdapter, type Training, validateAdapters } from '../structures/structured-contribution.ts'
import type { AdapterTotals } from '../structures/structured-merge.ts'
import { fixedMeanSquare, MEAN_SQUARE_END, roundedMeanSquare } from '../sums/exact-sum.ts'
import { ADAPTER_UNIT } from './plain.ts'
import type { Wholes } from './wholes.ts'

/** Finite fp16 values are multiples of 2^-24, and so are sums of them. */
const ADAPTER_STEP = BigInt(ADAPTER_UNIT / 2 ** 24)

/**
 * One array a layer input, [cols].
 * @param sites - members of the list
 * @throws {ImpossibleTotalError} a total is larger than mean squares that are accepted can give
 */
export function meanSquareTotals(sums: readonly Wholes[], sites: number): Float64Array[] {
  const end = BigInt(sites) * fixedMeanSquare(MEAN_SQUARE_END)
  return sums.map((part, input) => {
    const totals = part.bigInts()
    const bad = totals.findIndex((total) => total >= end)
    if (bad >= 0) throw impossible(`input ${input}, column ${bad}: mean squares of ${sites} sites sum to 2^47 each`)
    return Float64Array.from(totals, roundedMeanSquare)
  })
}

/**
 * One array a layer input, one number a pair i < j.
 * @param inputs - the columns of each input
 * @param members - on the roster
 * @throws {ImpossibleTotalError} a total is beyond the unit by more than half a one a site, which rounding takes
 */
export function productTotals(
  sums: readonly Wholes[],
  inputs: readonly number[],
  { sites, members }: { sites: number; members: number },
): Int32Array[] {
  return sums.map((part, input) => {
    const most = unitOf(inputs[input], members) + Math.ceil(sites / 2)
    const totals = part.int32s()
    const bad = totals.findIndex((total) => total > most || total < -most)
    if (bad >= 0) throw impossible(`input ${input}, product ${bad}: the total is ${totals[bad]}, beyond ${most}`)
    return totals
  })
}

/**
 * One array a structure, one number a unit.
 * @throws {ImpossibleTotalError} a structure's totals do not sum to what all sites have
 */
export function importanceTotals(sums: readonly Wholes[], sites: number): Float64Array[] {
  const all = BigInt(sites) * BigInt(TOTAL)
  return sums.map((part, structure) => {
    const totals = part.bigInts()
    const unit = totals.findIndex((total) => total > all)
    if (unit >= 0) throw impossible(`structure ${structure}, unit ${unit}: more importance than ${sites} sites have`)
    if (totals.reduce((sum, total) => sum + total, 0n) !== all)
      throw impossible(`structure ${structure}: importances do not sum to those of ${sites} sites`)
    return Float64Array.from(totals, Number)
  })
}

/**
 * @param sums - A and B of each layer, in order of role
 * @throws {ImpossibleTotalError} a total is no sum of fp16 numbers, or its mean is beyond them
 */
export function adapterTotals(sums: readonly Wholes[], sites: number): AdapterTotals {
  const factors = sums.map((part, factor) => {
    const totals = part.bigInts().map((total) => BigInt.asIntN(64, total))
    const values = Float64Array.from(totals, (total) => Number(total) / ADAPTER_UNIT)
    const bad = totals.findIndex((total, i) => total % ADAPTER_STEP !== 0n || isBeyond(values[i] / sites))
    if (bad < 0) return values
    const place = `layer ${factor >> 1}, number ${bad} of the adapter's ${factor % 2 === 0 ? 'A' : 'B'}`
    throw impossible(`${place}: the total is ${values[bad]}, no sum of ${sites} fp16 numbers`)
  })
  const roles = Array.from({ length: sums.length / 2 }, (_, role) => role)
  return { sites, sums: roles.map((role) => ({ a: factors[2 * role], b: factors[2 * role + 1] })) }
}

/**
 * Honest adapters lie within bounds round a common start, so their mean does.
 * @param base - one array a layer in order of role, row-major [rows, cols]
 * @param adapters - means, one entry a layer
 * @throws {ImpossibleTotalError} the mean is beyond the bounds of a single contribution
 */
export function assertHonestMean(base: readonly LayerWeights[], training: Training, adapters: PackedAdapter[]): void {
  try {
    validateAdapters(base, training, { adapters })
  } catch (error) {
    if (error instanceof InvalidContributionError) throw impossible(`mean of the adapters, ${error.message}`)
    throw error
  }
}

function impossible(reason: string): ImpossibleTotalError {
  return new ImpossibleTotalError(reason)
}
