/** The job of comparing a written model directory with the base and some blocks, byte for byte. */
import { type ComparedModel, compareWritten } from '../../model/write/write.ts'
import type { Bench, ModelFiles } from '../bench.ts'

interface CompareArgs extends ModelFiles {
  written: string
  /** A directory for a smaller model; it does not exist yet. */
  scratch: string
}

export async function compare({ written, scratch, ...model }: CompareArgs, bench: Bench): Promise<ComparedModel> {
  return bench.using(model, scratch, async (decoder, weightsOf) => compareWritten(decoder, weightsOf, written))
}
