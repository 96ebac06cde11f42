/** Checks a range of blocks against its model. */
import { UsageError } from '../../src/base/errors.ts'

/**
 * Checks the blocks from `from` up to `to`, which is not one of them.
 * @param count - number of blocks of the model
 * @throws {UsageError} BLOCKS_RANGE
 */
export function assertBlocks(from: number, to: number, count: number): void {
  if (from < to && to <= count) return
  throw new UsageError({
    code: 'BLOCKS_RANGE',
    what: `--blocks ${from}:${to} is no range of the ${count} blocks of the model`,
    hint: `Give --blocks A:B with A below B and B at most ${count}: the blocks A to B-1.`,
  })
}
