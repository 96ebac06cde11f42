/**
 * The lowest `count` of a list by (score, index): the one order in which every pruner chooses its zeros. Exact,
 * ties included, and linear in the length: a threshold by quickselect (Hoare, "Algorithm 65: Find", 1961), then one
 * pass that takes all below it and, of those equal to it, the first.
 */
import { dropKept } from '../merge/mask.ts'

/** Below this many candidates insertion sort is faster than another partition (measured: flat from 12 to 32). */
const INSERTION_LENGTH = 16

/** Finds `lowest` without allocating a call: it keeps the two lists it works in. One an algorithm, not shared. */
export class LowestSelector {
  /** Write the scores here, finite and not negative. */
  readonly scores: Float64Array
  private readonly work: Float64Array

  constructor(capacity: number) {
    this.scores = new Float64Array(capacity)
    this.work = new Float64Array(capacity)
  }

  /**
   * Clears the mask bits `offset + i` of the `count` lowest of scores[0, length), the lower index first among equals.
   * O(length) on average and O(length log length) for any input, so that no statistics from elsewhere can stall it.
   */
  drop(mask: Uint8Array, offset: number, length: number, count: number): void {
    if (count <= 0) return
    const { scores, work } = this
    for (let i = 0; i < length; i++) work[i] = scores[i]
    const threshold = nthLowest(work, length, count)
    let equal = count
    for (let i = 0; i < count; i++) if (work[i] < threshold) equal--
    for (let i = 0; i < length; i++) {
      const score = scores[i]
      if (score > threshold || (score === threshold && equal-- <= 0)) continue
      dropKept(mask, offset + i)
    }
  }
}

/** The n-th lowest (n from 1) of values[0, length); afterwards it stands at n - 1, and nothing before it is higher. */
export function nthLowest(values: Float64Array, length: number, n: number): number {
  const index = n - 1
  let low = 0
  let high = length - 1
  // Partitions that halve need log2(length); four times as many mean that the pivots are bad, perhaps by intent.
  let partitions = 4 * (32 - Math.clz32(length))
  while (high - low >= INSERTION_LENGTH) {
    if (partitions-- === 0) {
      values.subarray(low, high + 1).sort()
      return values[index]
    }
    const pivot = median(values[low], values[(low + high) >>> 1], values[high])
    let i = low
    let j = high
    while (i <= j) {
      while (values[i] < pivot) i++
      while (values[j] > pivot) j--
      if (i > j) break
      const value = values[i]
      values[i++] = values[j]
      values[j--] = value
    }
    if (index <= j) high = j
    else if (index >= i) low = i
    else return pivot
  }
  insertionSort(values, low, high)
  return values[index]
}

function insertionSort(values: Float64Array, low: number, high: number): void {
  for (let i = low + 1; i <= high; i++) {
    const value = values[i]
    let j = i - 1
    for (; j >= low && values[j] > value; j--) values[j + 1] = values[j]
    values[j + 1] = value
  }
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
