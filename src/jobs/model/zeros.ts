/** The job of counting the zeros of a model's layers. */
import { type BlockZeros, zerosOf } from '../../model/write/zeros.ts'
import type { Bench } from '../bench.ts'

export async function zeros({ dir }: { dir: string }, bench: Bench): Promise<BlockZeros> {
  return zerosOf(bench.open(dir))
}
