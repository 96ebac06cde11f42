/** Seconds since this was called: `const elapsed = stopwatch(); ...; elapsed()`. */
export function stopwatch(): () => number {
  const start = performance.now()
  return () => (performance.now() - start) / 1000
}
