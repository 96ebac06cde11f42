/** The job of listing the files of a model's directory that are not copied to a written model. */
import { companionsOf, type LeftBehind } from '../../model/write/companions.ts'
import type { Bench } from '../bench.ts'

/** @throws {InputError} as companionsOf does */
export async function leftBehind({ dir }: { dir: string }, bench: Bench): Promise<LeftBehind[]> {
  return companionsOf(bench.open(dir), bench.apart).left
}
