/**
 * The merge again, slow and obvious: a weight at a time, sums and means in whole numbers, and one full sort of a layer.
 * Shares no code with src/merge beyond reading a mask.
 */

import type { BlockForm } from '../../../../src/form/block-form.ts'
import { isKept } from '../../../../src/form/mask.ts'
import type { PrunerName, SparsityTarget } from '../../../../src/form/method.ts'
import type { BlockContribution } from '../../../../src/merge/masks/contribution.ts'
import { nearestBits, unitsOf } from '../../form/fp16-oracle.ts'

export interface TwinLayer {
  /** Whether a weight is kept, by flat index. */
  kept: boolean[]
  /** fp16 bits of the kept weights; null for statistics. */
  survivors: number[] | null
}

export function twinMerge(
  form: BlockForm,
  pruner: PrunerName,
  target: SparsityTarget,
  base: readonly Float32Array[],
  given: readonly BlockContribution[],
  faults = 0,
): TwinLayer[] {
  const isPooled = faults > 0 && pruner !== 'sparsegpt'
  const contributions = isPooled ? [{ inputs: form.inputs.map((cols, k) => pooled(given, k, cols, faults)) }] : given
  return form.layers.map(({ rows, cols, input }, role) => {
    const size = rows * cols
    const indices = Array.from({ length: size }, (_, i) => i)
    const masks = contributions.map((contribution) => {
      if (contribution.layers) {
        const { mask } = contribution.layers[role]
        return indices.map((i) => isKept(mask, i))
      }
      return pruner === 'wanda'
        ? twinWanda(base[role], rows, cols, contribution.inputs[input], target)
        : twinMagnitude(base[role], rows, cols, target)
    })
    const votes = indices.map((i) => masks.filter((kept) => !kept[i]).length)
    const means = pruner === 'sparsegpt' ? indices.map((i) => twinMean(contributions, role, i, faults)) : null
    const stored = (i: number) => (means === null ? base[role][i] : Number(unitsOf(means[i])) / 2 ** 24)
    const columns = Array.from({ length: cols }, (_, j) =>
      exactSum(
        inner(
          contributions.map(({ inputs }) => inputs[input][j]).sort((a, b) => a - b),
          faults,
        ),
      ),
    )
    const saliency = (i: number) => stored(i) * stored(i) * columns[i % cols]
    const order = (a: number, b: number) => votes[b] - votes[a] || saliency(a) - saliency(b) || a - b
    const zeros = (group: number[], wanted: number) =>
      group.toSorted(order).slice(0, Math.max(wanted, group.filter((i) => votes[i] === contributions.length).length))
    const dropped = new Set(
      target.kind === 'unstructured'
        ? zeros(indices, Number((BigInt(size) * BigInt(target.ppm) + 999_999n) / 1_000_000n))
        : groupsOf(indices, target.m).flatMap((group) => zeros(group, target.n)),
    )
    const kept = indices.map((i) => !dropped.has(i))
    return { kept, survivors: means?.filter((_, i) => kept[i]) ?? null }
  })
}

/** Each value in whole 2^-72, ties to even; their sum, rounded once. Every float32 is a whole multiple of 2^-149. */
export function exactSum(values: readonly number[]): number {
  const half = 1n << 76n
  const units = values.map((value) => {
    const [down, rest] = [BigInt(value * 2 ** 149) >> 77n, BigInt(value * 2 ** 149) & (2n * half - 1n)]
    return rest > half || (rest === half && down % 2n === 1n) ? down + 1n : down
  })
  return Number(units.reduce((sum, unit) => sum + unit, 0n)) / 2 ** 72
}

/** Sorted values without the outer ones. */
function inner<T>(values: T[], faults: number): T[] {
  const out = Math.min(faults, Math.floor((values.length - 1) / 2))
  return values.slice(out, values.length - out)
}

function pooled(given: readonly BlockContribution[], input: number, cols: number, faults: number): Float32Array {
  return Float32Array.from({ length: cols }, (_, j) => {
    const values = inner(
      given.map(({ inputs }) => inputs[input][j]).sort((a, b) => a - b),
      faults,
    )
    return exactSum(values) / values.length
  })
}

/** The mean over those who keep weight i, rounded once to fp16 bits; 0 if nobody does. */
function twinMean(contributions: readonly BlockContribution[], role: number, i: number, faults: number): number {
  const all = contributions.flatMap(({ layers }) => {
    if (layers === undefined || !isKept(layers[role].mask, i)) return []
    let before = 0
    for (let k = 0; k < i; k++) before += Number(isKept(layers[role].mask, k))
    return [unitsOf(layers[role].survivors[before])]
  })
  if (all.length === 0) return 0
  const values = inner(
    all.sort((a, b) => (a < b ? -1 : Number(a > b))),
    faults,
  )
  const sum = values.reduce((a, b) => a + b, 0n)
  return nearestBits(sum, BigInt(values.length)) ?? NaN
}

function groupsOf(indices: number[], m: number): number[][] {
  return Array.from({ length: indices.length / m }, (_, g) => indices.slice(g * m, (g + 1) * m))
}

function lowest(group: number[], score: (i: number) => number, count: number): number[] {
  return group.toSorted((a, b) => score(a) - score(b) || a - b).slice(0, count)
}

function twinWanda(
  weight: Float32Array,
  rows: number,
  cols: number,
  x: Float32Array,
  target: SparsityTarget,
): boolean[] {
  const score = (i: number) => Math.abs(weight[i]) * Math.fround(Math.sqrt(x[i % cols]))
  const indices = Array.from(weight, (_, i) => i)
  const [m, n] =
    target.kind === 'pattern' ? [target.m, target.n] : [cols, Number((BigInt(cols) * BigInt(target.ppm)) / 1_000_000n)]
  const dropped = new Set(groupsOf(indices, m).flatMap((group) => lowest(group, score, n)))
  return indices.slice(0, rows * cols).map((i) => !dropped.has(i))
}

function twinMagnitude(weight: Float32Array, rows: number, cols: number, target: SparsityTarget): boolean[] {
  const size = rows * cols
  const indices = Array.from(weight, (_, i) => i)
  const [m, n] =
    target.kind === 'pattern' ? [target.m, target.n] : [size, Number((BigInt(size) * BigInt(target.ppm)) / 1_000_000n)]
  const dropped = new Set(groupsOf(indices, m).flatMap((group) => lowest(group, (i) => Math.abs(weight[i]), n)))
  return indices.map((i) => !dropped.has(i))
}
