/**
 * The lowest `count` of a list by (score, index): the one order in which every pruner chooses its zeros. The choice is
 * exact, ties included, and linear in the length: the threshold is found first; then all scores below it are marked
 * and, of those equal to it, the first.
 *
 * The threshold: a sorted sample gives two scores that probably enclose it; one pass counts the scores below the two
 * and gathers those between; quickselect finishes on these (Floyd and Rivest, "Expected time bounds for selection",
 * 1975; Hoare, "Algorithm 65: Find", 1961). If the two do not enclose it, quickselect runs on everything.
 *
 * Long loops count with Number(a < b), which has no branch to mispredict (measured: 0.9 ns a score instead of 4.3).
 */

/** Shorter lists are given to quickselect whole: a sample of them says too little for its cost. */
const SAMPLED_LENGTH = 256
/** Below this many candidates insertion sort is faster than another partition (measured: flat from 12 to 32). */
const INSERTION_LENGTH = 16

/**
 * Finds the lowest scores. It keeps the lists that it works in, so a call allocates nothing. Each algorithm has its own
 * selector.
 */
export class LowestSelector {
  /** Write the scores here: finite, not negative. */
  readonly scores: Float64Array
  /** `mark` leaves 1 here for the lowest, 0 for the others. */
  readonly marks: Uint8Array
  private readonly work: Float64Array

  constructor(capacity: number) {
    this.scores = new Float64Array(capacity)
    this.marks = new Uint8Array(capacity)
    this.work = new Float64Array(capacity)
  }

  /**
   * Marks the `count` lowest of scores[0, length), the lower index first among equals. O(length) expected and
   * O(length log length) for any input, so that no statistics from elsewhere can stall it.
   */
  mark(length: number, count: number): Uint8Array {
    const { scores, marks } = this
    if (count <= 0 || count >= length) return marks.fill(count > 0 ? 1 : 0, 0, length)
    const threshold = this.threshold(length, count)
    let left = count
    for (let i = 0; i < length; i++) {
      const below = Number(scores[i] < threshold)
      marks[i] = below
      left -= below
    }
    for (let i = 0; left > 0; i++) {
      if (scores[i] !== threshold) continue
      marks[i] = 1
      left--
    }
    return marks
  }

  /** The n-th lowest score, n from 1. */
  private threshold(length: number, n: number): number {
    const { scores, work } = this
    if (length >= SAMPLED_LENGTH) {
      const [low, high] = bracket(scores, length, n, work)
      let below = 0
      let between = 0
      for (let i = 0; i < length; i++) {
        const score = scores[i]
        work[between] = score
        below += Number(score < low)
        between += Number(score >= low) & Number(score <= high)
      }
      if (n > below && n <= below + between) return nthLowest(work, between, n - below)
    }
    for (let i = 0; i < length; i++) work[i] = scores[i]
    return nthLowest(work, length, n)
  }
}

/** Two scores around the n-th lowest, from a sample of about 2 sqrt(length) at equal distances. Uses `work`. */
function bracket(scores: Float64Array, length: number, n: number, work: Float64Array): [number, number] {
  const stride = Math.max(1, Math.floor(Math.sqrt(length) / 2))
  let size = 0
  for (let i = 0; i < length; i += stride) work[size++] = scores[i]
  const sample = work.subarray(0, size).sort()
  const share = n / length
  // Two standard deviations of the rank of the n-th lowest in the sample, and one for the rounding.
  const margin = 2 * Math.sqrt(size * share * (1 - share)) + 1
  const rank = share * size
  return [sample[Math.max(0, Math.floor(rank - margin))], sample[Math.min(size - 1, Math.ceil(rank + margin))]]
}

/**
 * The n-th lowest (n from 1) of values[0, length). Reorders the values: the result stands at n - 1 afterwards, and no
 * value before it is higher.
 */
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
