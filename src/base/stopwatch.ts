/** The only clock in `src`. It gives seconds for reports; no other result may depend on it. */

/**
 * Starts a stopwatch. The function that it returns gives the seconds since then: `const elapsed = stopwatch(); ...;
 * elapsed()`.
 */
export function stopwatch(): () => number {
  const start = process.hrtime.bigint()
  return () => Number(process.hrtime.bigint() - start) / 1e9
}
