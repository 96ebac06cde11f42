/** Which rows are learnt, which are kept out, and which of them come when. */
import { InputError } from '../base/errors.ts'
import type { Windows } from '../form/windows.ts'
import { someWindows } from '../model/text/text.ts'

/** One row in so many is kept out, and no more than this. */
const HELD_SHARE = 10
const HELD_ROWS = 32

/** @throws {InputError} TEXT_SHORT: one is needed to learn, and one to see how it goes */
export function assertEnoughRows({ count, length }: Windows, name: string): void {
  if (count >= 2) return
  throw new InputError({
    code: 'TEXT_SHORT',
    what: `${name} makes ${count} ${count === 1 ? 'row' : 'rows'} of ${length} tokens; 2 are needed: one to learn, one to see how it goes`,
    hint: 'Give a longer text, or a smaller --length.',
  })
}

/** The last rows are kept out. @throws {InputError} TEXT_SHORT */
export function keepOut(rows: Windows, name: string): { rows: Windows; held: Windows } {
  assertEnoughRows(rows, name)
  const count = Math.min(HELD_ROWS, Math.max(1, Math.floor(rows.count / HELD_SHARE)))
  const learnt = rows.count - count
  return { rows: someWindows(rows, 0, learnt), held: someWindows(rows, learnt, count) }
}

/** Rows in order; behind the last comes the first again. @param step - 0 for the first */
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
