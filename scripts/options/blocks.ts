/** A range of blocks, against the model that it is of. */
import { UsageError } from '../../src/base/errors.ts'

/** From A up to B, which is left out. @throws {UsageError} BLOCKS_RANGE */
export function assertBlocks(from: number, to: number, count: number): void {
  if (from < to && to <= count) return
  throw new UsageError({
    code: 'BLOCKS_RANGE',
    what: `--blocks ${from}:${to} is no range of the ${count} blocks of the model`,
    hint: `Give --blocks A:B with A below B and B at most ${count}; B itself stays whole.`,
  })
}
