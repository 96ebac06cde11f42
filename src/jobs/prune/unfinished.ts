/** The job of counting the finished blocks of an unfinished prune. */
import { peek } from '../../prune/run/checkpoint.ts'
import type { PruneSeconds } from '../../prune/run/sequential.ts'
import type { Bench } from '../bench.ts'
import { fingerprintOfArgs, type PruneArgs } from './prune-args.ts'

/**
 * The finished blocks of the prune that these arguments ask for, and their seconds; null: none.
 * @throws {OutputError} as `peek` does
 */
export async function unfinished(
  args: PruneArgs,
  bench: Bench,
): Promise<{ blocks: number; seconds: PruneSeconds } | null> {
  const { dir, out, resume } = args
  return resume && peek(out, fingerprintOfArgs(bench.open(dir), args, resume.modelHash))
}
