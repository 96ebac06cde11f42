/**
 * Sums that no order of their terms changes, and no split into parts: terms are whole numbers, their sum is exact, and
 * it is rounded to float64 once. A sum under masks has the same bits, since masks add whole numbers too.
 */

/**
 * A mean square of 1 as a whole number: it has 72 fraction bits. Every float32 from 2^-48 on is such a number exactly;
 * smaller ones are rounded to nearest, ties to even.
 */
const ONE = 2 ** 72

/**
 * The least mean square that is refused: with 72 fraction bits, 128 bits hold the sum of 2^9 smaller ones. Activations
 * so large overflow fp16 a hundred times over.
 */
export const MEAN_SQUARE_END = 2 ** 47

/** A mean square, at least 0 and below MEAN_SQUARE_END, as a whole number of 2^-72. */
export function fixedMeanSquare(value: number): bigint {
  return BigInt(roundedToEven(value * ONE))
}

/** A sum of whole numbers of 2^-72, rounded once. */
export function roundedMeanSquare(sum: bigint): number {
  return Number(sum) / ONE
}

/** A mean square as it is added up: smaller ones than 2^-48 are rounded. */
export function representedMeanSquare(value: number): number {
  return roundedMeanSquare(fixedMeanSquare(value))
}

/** The exact sum of mean squares, rounded once. */
export function sumOfMeanSquares(values: Iterable<number>): number {
  let sum = 0n
  for (const value of values) sum += fixedMeanSquare(value)
  return roundedMeanSquare(sum)
}

/** The exact sum of whole numbers below 2^53, rounded once. */
export function sumOfWholes(values: Iterable<number>): number {
  let sum = 0n
  for (const value of values) sum += BigInt(value)
  return Number(sum)
}

/** To the nearest whole number, ties to even. From 2^52 on every float64 is whole. */
function roundedToEven(value: number): number {
  if (value >= 2 ** 52) return value
  const down = Math.floor(value)
  const rest = value - down
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1
  return down % 2 === 0 ? down : down + 1
}
