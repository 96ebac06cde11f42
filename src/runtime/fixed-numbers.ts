/** Multiples of 2^-16 between -1/2 and 1/2, by a linear congruential generator (Numerical Recipes, section 7.1). */
export function fixedNumbers(count: number, seed = 1): Float32Array {
  let state = seed
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 16) / 65536 - 0.5
  })
}
