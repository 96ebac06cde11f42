/** Bytes of memory that this process had resident at most. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}

/** Seconds since this was called: `const elapsed = stopwatch(); ...; elapsed()`. */
export function stopwatch(): () => number {
  const start = performance.now()
  return () => (performance.now() - start) / 1000
}
