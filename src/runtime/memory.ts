/** Memory that a garbage collector gives back late: buffers outside its heap do not make it hurry. */

/**
 * Collects garbage now where the process was started with --expose-gc, as the engine's are: what ONNX Runtime's binding
 * has copied is gone before the next block takes as much again. Elsewhere nothing happens.
 */
export function collectGarbage(): void {
  globalThis.gc?.()
}

/** The same for what has only just been made, in a fraction of the time. */
export function collectYoungGarbage(): void {
  globalThis.gc?.({ type: 'minor' })
}

/** Collects all that can be collected and gives the emptied pages back to the system, which takes longer. */
export function giveMemoryBack(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
