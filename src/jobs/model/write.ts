/** The job of writing a model. */
import { join } from 'node:path'
import { Decoder } from '../../model/forward/decoder.ts'
import { expectedRun, writeModel } from '../../model/write/write.ts'
import type { CompanionOptions } from '../../model/write/write-companions.ts'
import { type BlockZeros, zerosOf } from '../../model/write/zeros.ts'
import type { PlainRun } from '../../runtime/reference-run.ts'
import { rewriteHuggingFace } from '../../structure/write/hugging-face.ts'
import type { Bench, ModelFiles } from '../bench.ts'

export interface WriteArgs extends ModelFiles, Pick<CompanionOptions, 'done' | 'madeOf'> {
  out: string
  /** Tokens on which the written model is compared. */
  check: Int32Array
  /** Whether `dir` holds a model.safetensors, and `out` gets one with the written weights. */
  uniform?: boolean
}

interface Written {
  /** The expected result of a plain run of the written model on the tokens to check. */
  run: PlainRun
  zeros: BlockZeros
}

export async function write(args: WriteArgs, bench: Bench): Promise<Written> {
  const { out, check, uniform = false, done, madeOf } = args
  return bench.using(args, join(out, '.base'), async (decoder, weightsOf) => {
    writeModel(decoder, weightsOf, out, { apart: bench.apart, done, madeOf })
    if (uniform) rewriteHuggingFace(decoder, Decoder.open(out))
    const zeros = zerosOf(Decoder.open(out))
    return { run: { ...(await expectedRun(decoder, weightsOf, out, check)), threads: bench.threads }, zeros }
  })
}
