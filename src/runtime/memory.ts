/** Memory that a garbage collector gives back late: buffers outside its heap do not make it hurry. */

/**
 * Collects garbage now where the process was started with --expose-gc, as the engine's are: what ONNX Runtime's binding
 * has copied is gone before the next block takes as much again. Elsewhere nothing happens.
 */
export function collectGarbage(): void {
  globalThis.gc?.()
}
