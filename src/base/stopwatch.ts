/** The only clock in `src`: seconds for reports, which nothing else may follow from. */

/** Seconds since this was called: `const elapsed = stopwatch(); ...; elapsed()`. */
export function stopwatch(): () => number {
  const start = process.hrtime.bigint()
  return () => Number(process.hrtime.bigint() - start) / 1e9
}
