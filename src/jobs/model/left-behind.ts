/** The job of telling which files of a model's directory would not come along with what is written of it. */
import { companionsOf, type LeftBehind } from '../../model/write/companions.ts'
import type { Bench } from '../bench.ts'

/** @throws {InputError} as companionsOf does */
export async function leftBehind({ dir }: { dir: string }, bench: Bench): Promise<LeftBehind[]> {
  return companionsOf(bench.open(dir), bench.apart).left
}
