/** Writes a smaller model after the layers that read removed places were refitted. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { loadBlock, storeBlock } from '../../files/block-store.ts'
import type { BlockWeights, WeightsOf } from '../../form/block-weights.ts'
import type { Windows } from '../../form/windows.ts'
import { cutLayer } from '../../merge/structures/structured-block.ts'
import { Decoder } from '../../model/forward/decoder.ts'
import { CHECK_TOKENS, type ExpectedRun, expectedRun, writeModel } from '../../model/write/write.ts'
import type { CompanionOptions } from '../../model/write/write-companions.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { OnnxAlgebra } from '../../runtime/onnx-algebra.ts'
import { refit } from '../cut/refit.ts'
import { leftOf, structuredForms } from '../cut/structured-forms.ts'
import type { FollowedBlock } from '../find/follow-blocks.ts'
import type { Removal } from '../find/removal.ts'
import { rewriteHuggingFace, writeHuggingFace } from './hugging-face.ts'
import { plainWindow, writeSliced } from './write.ts'

interface RefittedJob {
  followed: readonly FollowedBlock[]
  sliced: OnnxModel
  removals: readonly Removal[]
  windows: Windows
  /** Whether Hugging Face tools must be able to load the written model. */
  uniform: boolean
  out: string
  beside: CompanionOptions
  /** The tokens on which the written model is compared. */
  check: Int32Array
  signal?: AbortSignal
}

/**
 * Writes the model. Returns the run that it must reproduce: the logits of the base with zeros and the fitted weights.
 */
export async function writeRefitted(decoder: Decoder, job: RefittedJob): Promise<ExpectedRun> {
  const { followed, sliced, removals, windows, uniform, out, beside, check, signal } = job
  const scratch = join(out, '.refit') // as large as the written model, so not in /tmp, which may be memory
  rmSync(scratch, { recursive: true, force: true })
  const linear = await OnnxAlgebra.create({ threads: decoder.threads })
  try {
    const files = new Map<number, string>()
    const onBlock = async (block: number, weights: BlockWeights) => {
      files.set(block, (await storeBlock(join(scratch, 'blocks'), block, weights)).path)
    }
    await refit(decoder, { removals, windows, linear, onBlock, signal })
    const weightsOf: WeightsOf = (block) => {
      const path = files.get(block)
      return path === undefined ? undefined : loadBlock(path, decoder.forms[block])
    }
    const cut = join(scratch, 'cut')
    writeSliced(decoder, sliced, removals, cut, { ...beside, done: undefined })
    const smaller = Decoder.open(cut, { threads: decoder.threads })
    if (uniform) writeHuggingFace(decoder, removals, smaller)
    writeModel(smaller, cutWeights(decoder, followed, removals, weightsOf), out, {
      ...beside,
      madeOf: decoder.directory.dir,
    })
    if (uniform) rewriteHuggingFace(smaller, Decoder.open(out))
    const { ids } = decoder.windowOf(check, CHECK_TOKENS)
    return { ...(await expectedRun(decoder, weightsOf, out, ids)), ...plainWindow(decoder, sliced, ids) }
  } finally {
    await linear.dispose()
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Weights in the base's shapes, cut to those of the smaller model. */
function cutWeights(
  decoder: Decoder,
  followed: readonly FollowedBlock[],
  removals: readonly Removal[],
  weightsOf: WeightsOf,
): WeightsOf {
  const forms = structuredForms(decoder, followed)
  const removedOf = new Map(removals.map(({ block, removed }) => [block, removed]))
  return (block) => {
    const removed = removedOf.get(block)
    const weights = weightsOf(block)
    if (removed === undefined || weights === undefined) return undefined
    const left = leftOf(forms[block], removed)
    return weights.map((weight, role) => cutLayer(weight, left[role], forms[block].layers[role].cols))
  }
}
