/**
 * One signal out of several that lets go of its parents when cleared. `AbortSignal.any` does not: a signal that lives
 * as long as the process keeps everything ever composed with it (43 MB a day in one libp2p node,
 * https://github.com/ChainSafe/lodestar/issues/8969).
 */

interface ComposedSignal extends Disposable {
  signal: AbortSignal
  /** Removes the listeners on the parents; the signal never aborts after that. */
  clear(): void
}

/** Aborts with the reason of the first parent that aborts. Clear it when the work that it guards is over. */
export function composed(...parents: (AbortSignal | undefined)[]): ComposedSignal {
  const controller = new AbortController()
  const abort = (event: Event) => {
    clear()
    if (event.target instanceof AbortSignal) controller.abort(event.target.reason)
  }
  const clear = () => {
    for (const parent of parents) parent?.removeEventListener('abort', abort)
  }
  for (const parent of parents) {
    if (parent?.aborted) {
      clear()
      controller.abort(parent.reason)
      break
    }
    parent?.addEventListener('abort', abort)
  }
  return { signal: controller.signal, clear, [Symbol.dispose]: clear }
}
