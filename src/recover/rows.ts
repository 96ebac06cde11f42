/** The rows of a recovery: those that are learnt, those that are kept out, and the order in which they are learnt. */
import { InputError } from '../base/errors.ts'
import type { Windows } from '../form/windows.ts'
import { someWindows } from '../model/text/text.ts'

/** One row in ten is kept out, and at most 32 rows. */
const HELD_SHARE = 10
const HELD_ROWS = 32

/** @throws {InputError} TEXT_SHORT: there are fewer than two rows; one is needed to learn from, one to measure with */
export function assertEnoughRows({ count, length }: Windows, name: string): void {
  if (count >= 2) return
  throw new InputError({
    code: 'TEXT_SHORT',
    what: `${name} makes ${count} ${count === 1 ? 'row' : 'rows'} of ${length} tokens; 2 are needed: one to learn from, one to measure with`,
    hint: 'Give a longer text, or a smaller --length.',
  })
}

/** Splits rows into those that are learnt and the last ones, which are kept out. @throws {InputError} TEXT_SHORT */
export function keepOut(rows: Windows, name: string): { rows: Windows; held: Windows } {
  assertEnoughRows(rows, name)
  const count = Math.min(HELD_ROWS, Math.max(1, Math.floor(rows.count / HELD_SHARE)))
  const learnt = rows.count - count
  return { rows: someWindows(rows, 0, learnt), held: someWindows(rows, learnt, count) }
}

/** The rows of a step, in order; behind the last row comes the first again. @param step - 0 for the first */
export function rowsOfStep({ ids, count, length, targets }: Windows, step: number, batch: number): Windows {
  const own = new Int32Array(batch * length)
  const wanted = targets && new Uint8Array(own.length)
  for (let k = 0; k < batch; k++) {
    const from = ((step * batch + k) % count) * length
    own.set(ids.subarray(from, from + length), k * length)
    if (targets) wanted?.set(targets.subarray(from, from + length), k * length)
  }
  return { ids: own, count: batch, length, targets: wanted }
}
