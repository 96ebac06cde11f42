/** The lies of one site of four where weights become zero, and what each does to the merged model. */
import type { WeightsOf } from '../../../../src/form/block-weights.ts'
import type { PrunerName, SparseMethod } from '../../../../src/form/method.ts'
import { payloadOf } from '../../../../src/form/method.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { InvalidContributionError } from '../../../../src/merge/errors.ts'
import { type BlockContribution, toContribution } from '../../../../src/merge/masks/contribution.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import { applyMerged } from '../../../../src/merge/masks/merged-block.ts'
import { validateContribution } from '../../../../src/merge/masks/validate.ts'
import type { Decoder } from '../../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import type { Vocabulary } from '../../../../src/model/forward/vocabulary.ts'
import { pruneSequential } from '../../../../src/prune/run/sequential.ts'
import type { Solvers } from '../../../../src/prune/run/solvers.ts'
import { MASK_LIES } from '../../../../test/support/liars.ts'

export interface LieBench {
  decoder: Decoder
  solvers: Solvers
  sites: readonly Windows[]
  /** One entry a text. */
  held: readonly Windows[]
  vocabulary: Vocabulary
}

/** A case: mean perplexities by both merge rules; the reason where validation refuses the lie. */
export interface LieRow {
  name: string
  l0: number
  trimmed: number | null
  refused: string | null
}

export const TARGET = { kind: 'unstructured', ppm: 500_000 } as const
/** One of four members may lie. */
const FAULTS = 1

/** One entry a block. */
export type Model = BlockContribution[]

export async function* maskRows(bench: LieBench, pruner: PrunerName): AsyncGenerator<LieRow> {
  const { decoder, sites, vocabulary } = bench
  const honest: Model[] = []
  for (const windows of sites) honest.push(await contributed(bench, { pruner, target: TARGET }, windows, vocabulary))
  const merged = (models: readonly Model[], faults: number) => measured(bench, pruner, models, faults)
  const row = async (name: string, models: readonly Model[], refused: string | null = null): Promise<LieRow> => {
    return { name, l0: await merged(models, 0), trimmed: await merged(models, FAULTS), refused }
  }
  const alone: number[] = []
  for (const own of honest) alone.push(await merged([own], 0))
  yield { name: 'alone, mean of the four', l0: mean(alone), trimmed: null, refused: null }
  yield row('four honest', honest)
  yield row('three honest', honest.slice(1))
  for (const [name, lie] of Object.entries(MASK_LIES[payloadOf(pruner)])) {
    const [liar, ...others] = honest
    const lying = liar.map((own, block) => {
      return lie(own, { form: decoder.forms[block], base: decoder.baseWeights(block), target: TARGET })
    })
    yield row(name, [lying, ...others], refusal(decoder, pruner, lying))
  }
}

export async function contributed(
  { decoder, solvers }: Pick<LieBench, 'decoder' | 'solvers'>,
  { pruner, target }: SparseMethod,
  windows: Windows,
  vocabulary?: Vocabulary,
  blocks = Array.from({ length: decoder.blocks }, (_, block) => block),
): Promise<Model> {
  const model: Model = []
  await pruneSequential(decoder, solvers, {
    pruner,
    target,
    blocks,
    windows,
    vocabulary,
    onBlock({ block, layers, meanSquares }) {
      const sent = payloadOf(pruner) === 'weights' ? layers : undefined
      model[block] = toContribution(decoder.forms[block], sent, meanSquares)
    },
  })
  return model
}

/** The mean perplexity of the merged model over the texts. */
function measured(bench: LieBench, pruner: PrunerName, models: readonly Model[], faults: number): Promise<number> {
  return meanPerplexity(bench, mergedWeights(bench.decoder, { pruner, target: TARGET }, models, faults))
}

/** The weights of the merged model. */
export function mergedWeights(decoder: Decoder, method: SparseMethod, models: readonly Model[], faults = 0) {
  return (block: number): Float32Array[] => {
    const [form, base] = [decoder.forms[block], decoder.baseWeights(block)]
    const contributions = models.map((model) => model[block])
    return applyMerged(form, base, mergeBlock({ form, method, base }, contributions, faults))
  }
}

export async function meanPerplexity(
  { decoder, held }: Pick<LieBench, 'decoder' | 'held'>,
  weightsOf: WeightsOf,
): Promise<number> {
  const found: number[] = []
  const blocks = decoder.forms.map((_, block) => weightsOf(block))
  for (const windows of held) found.push((await perplexity(decoder, windows, (block) => blocks[block])).perplexity)
  return mean(found)
}

/** Why validation refuses a model's first bad block; null where it passes all. */
export function refusal(decoder: Decoder, pruner: PrunerName, model: Model): string | null {
  for (const [block, contribution] of model.entries()) {
    const [form, base] = [decoder.forms[block], decoder.baseWeights(block)]
    const reason = reasonOf(() =>
      validateContribution({ form, method: { pruner, target: TARGET }, base }, payloadOf(pruner), contribution),
    )
    if (reason !== null) return reason
  }
  return null
}

/** The reason of a refusal; null if there is none. */
export function reasonOf(validate: () => void): string | null {
  try {
    validate()
    return null
  } catch (error) {
    if (error instanceof InvalidContributionError) return `refused: ${error.reason}`
    throw error
  }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
