/** Labels through a Reshape, found from the sizes before and after it. */
import type { Axes, Axis, Labels } from './labels.ts'

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)

/** Axes of the input and the output between the same borders: products of sizes are equal. */
interface Run {
  from: [number, number]
  to: [number, number]
}

/**
 * An axis that is split gives its labels to the factor that decides them. If none does, it gives them to the first
 * factor, and each place of that couples all places that it stands for: an attention head. Axes that are merged may
 * have labels along one of them.
 */
export function reshapeAxes(labels: Labels, axes: Axes, before: readonly number[], behind: readonly number[]): Axis[] {
  const out: Axis[] = behind.map(() => null)
  for (const { from, to } of runs(before, behind)) {
    const sizes = before.slice(...from)
    const merged = merge(labels, axes.slice(...from), sizes)
    if (merged === null) continue
    const factors = behind.slice(...to)
    const [axis, places] = split(labels, merged, factors)
    out[to[0] + axis] = places
  }
  return out
}

function runs(before: readonly number[], behind: readonly number[]): Run[] {
  const found: Run[] = []
  let [i, j] = [0, 0]
  while (i < before.length || j < behind.length) {
    const [from, to] = [i, j]
    let [left, right] = [before[i++] ?? 1, behind[j++] ?? 1]
    while (left !== right) {
      if (left < right && i < before.length) left *= before[i++]
      else if (j < behind.length) right *= behind[j++]
      else throw new RangeError(`[${before}] cannot be reshaped to [${behind}]`)
    }
    found.push({ from: [from, Math.min(i, before.length)], to: [to, Math.min(j, behind.length)] })
  }
  return found
}

/** Labels of the places of several axes as one, row-major. */
function merge(labels: Labels, axes: Axes, sizes: readonly number[]): Axis {
  const labelled = axes.flatMap((axis, at) => (axis === null ? [] : [at]))
  if (labelled.length === 0) return null
  const [at] = labelled.length > 1 ? leftToRemove(labels, axes, labelled) : labelled
  if (at === undefined) return null
  const inner = product(sizes.slice(at + 1))
  const own = axes[at] as Int32Array
  return Int32Array.from({ length: product(sizes) }, (_, place) => own[Math.floor(place / inner) % sizes[at]])
}

/**
 * The axis, among several merged ones, along which units are removed. For keys and their repeats, that is the
 * repeats.
 */
function leftToRemove(labels: Labels, axes: Axes, labelled: readonly number[]): number[] {
  const repeats = labelled.filter((at) => axes[at]?.every((label) => labels.isRepeat(label)))
  for (const at of labelled) {
    if (repeats.length !== 1) labels.lock(axes[at], 'two axes that are removed from become one')
    else if (at !== repeats[0]) labels.keep(axes[at])
  }
  return repeats.length === 1 ? repeats : []
}

/** The factor that the labels lie along, and its labels. */
function split(labels: Labels, whole: Int32Array, factors: readonly number[]): [axis: number, places: Int32Array] {
  for (const [axis, size] of factors.entries()) {
    const places = along(labels, whole, factors, axis, size)
    if (places !== null) return [axis, places]
  }
  const axis = Math.max(
    0,
    factors.findIndex((size) => size > 1),
  )
  const inner = product(factors.slice(axis + 1))
  const places = Int32Array.from({ length: factors[axis] }, (_, k) => whole[k * inner])
  for (const [place, label] of whole.entries()) labels.unite(label, places[Math.floor(place / inner) % factors[axis]])
  return [axis, places]
}

/** The labels along a factor; undefined if they depend on other factors too. */
function along(labels: Labels, whole: Int32Array, factors: readonly number[], axis: number, size: number): Axis {
  if (size === 1 && whole.length > 1) return null
  const inner = product(factors.slice(axis + 1))
  const places = Int32Array.from({ length: size }, (_, k) => whole[k * inner])
  for (const [place, label] of whole.entries()) {
    if (!labels.same(label, places[Math.floor(place / inner) % size])) return null
  }
  return places
}
