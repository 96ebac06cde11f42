/** Which rows are learnt, which are kept out, and which of them come when. */
import { InputError } from '../errors.ts'
import type { Windows } from '../model/stream.ts'

/** One row in so many is kept out, and no more than this. */
const HELD_SHARE = 10
const HELD_ROWS = 32

/** The last rows are kept out. @throws {InputError} TEXT_SHORT: not even one can be */
export function keepOut(rows: Windows, name: string): { rows: Windows; held: Windows } {
  const count = Math.min(HELD_ROWS, Math.max(1, Math.floor(rows.count / HELD_SHARE)))
  if (rows.count <= count) {
    throw new InputError({
      code: 'TEXT_SHORT',
      what: `${name} makes ${rows.count} rows of ${rows.length} tokens; 2 are needed: one to learn, one to see how it goes`,
      hint: `Give a longer text, or a smaller --length.`,
    })
  }
  return { rows: some(rows, range(0, rows.count - count)), held: some(rows, range(rows.count - count, rows.count)) }
}

/** Rows in order; behind the last comes the first again. @param step - 0 for the first */
export function rowsOfStep(rows: Windows, step: number, batch: number): Windows {
  return some(
    rows,
    range(step * batch, (step + 1) * batch).map((row) => row % rows.count),
  )
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, k) => from + k)
}

function some({ ids, length, targets }: Windows, chosen: readonly number[]): Windows {
  const own = new Int32Array(chosen.length * length)
  const wanted = targets && new Uint8Array(own.length)
  for (const [k, row] of chosen.entries()) {
    own.set(ids.subarray(row * length, (row + 1) * length), k * length)
    if (targets) wanted?.set(targets.subarray(row * length, (row + 1) * length), k * length)
  }
  return { ids: own, count: chosen.length, length, targets: wanted }
}
