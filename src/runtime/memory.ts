/** Memory that a garbage collector gives back late: buffers outside its heap do not make it hurry. */

/**
 * Resident memory may grow by so much before garbage is collected again. A collection takes some 20 ms, whatever it
 * frees: after each block of a small model that was a third of the processor time of a prune (measured on 2.8 M
 * parameters). A block of 135 M parameters takes more than this, so that each is still followed by a collection.
 */
const GROWTH_BYTES = 8 * 2 ** 20

let settled = 0

/**
 * Collects garbage now where the process was started with --expose-gc, as the engine's are, and has grown since the
 * last time: what ONNX Runtime's binding has copied is gone before the next block takes as much again. Elsewhere
 * nothing happens.
 */
export function collectGarbage(): void {
  if (globalThis.gc === undefined || process.memoryUsage.rss() < settled + GROWTH_BYTES) return
  globalThis.gc()
  settled = process.memoryUsage.rss()
}
