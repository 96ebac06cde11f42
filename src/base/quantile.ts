/**
 * A quantile of a sample, interpolated linearly between the two values next to it (R's type 7).
 * @param share - 0 for the least value, 0.5 for the median, 1 for the greatest
 * @throws {RangeError} no values
 */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('no values have no quantile')
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}
