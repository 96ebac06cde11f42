/** A text with what others get to know of it: sums over the text of each layer input, as an attack finds them. */
import type { SparseMethod } from '../../../../src/form/method.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import type { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { FIRST_BLOCK, observeVocabulary, type Vocabulary } from '../../../../src/model/forward/vocabulary.ts'
import type { Solvers } from '../../../../src/prune/run/solvers.ts'
import { contributed, type Model, mergedWeights } from '../lies/mask-lies.ts'
import type { SumKind } from './count-attack.ts'
import { gramFromWeights, isSolvable } from './gram-from-weights.ts'

/** The places from which sums are known, and the kind of sums. */
export const SOURCES = { statistics: 'squares', weights: 'gram', gram: 'gram' } as const satisfies Record<
  string,
  SumKind
>
export type Source = keyof typeof SOURCES

/** One entry a block and distinct input; undefined: the weights give too few equations. */
type Sums = (Float32Array | undefined)[][]

export interface AttackedText {
  tokens: number
  /** One entry an id of the vocabulary. */
  counts: Float64Array
  offered: Record<Source, Sums>
  /** The first block's first input, if it were calibrated on the text. */
  first: Record<Source, Float32Array | undefined>
}

interface Offering {
  decoder: Decoder
  solvers: Solvers
  vocabulary: Vocabulary
}

const METHOD: SparseMethod = { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } }

export async function attackedText(offering: Offering, windows: Windows): Promise<AttackedText> {
  const { vocabulary, decoder } = offering
  const model = await contributed(offering, METHOD, windows, vocabulary)
  const onText = await contributed(offering, METHOD, windows, undefined, [FIRST_BLOCK])
  const grams = await densely(decoder, windows)
  const first = {
    statistics: ofStatistics(onText, windows)[FIRST_BLOCK][0],
    weights: ofWeights(decoder, onText, windows)[FIRST_BLOCK][0],
    gram: grams[FIRST_BLOCK][0],
  }
  const [over] = await observeVocabulary(decoder, vocabulary, 'gram')
  const share = tokensOf(windows) / vocabulary.ids.length
  if (over?.gram !== undefined) grams[FIRST_BLOCK][0] = over.gram.map((sum) => sum * share)
  return {
    tokens: tokensOf(windows),
    counts: countsOf(windows, vocabulary),
    offered: { statistics: ofStatistics(model, windows), weights: ofWeights(decoder, model, windows), gram: grams },
    first,
  }
}

function tokensOf({ count, length }: Windows): number {
  return count * length
}

/** Gram matrices of all inputs in the dense model. */
async function densely(decoder: Decoder, windows: Windows): Promise<Float32Array[][]> {
  const grams: Float32Array[][] = []
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) {
    grams.push((await stream.observe(block, 'gram')).map(({ gram }) => gram ?? new Float32Array()))
    await stream.pass(block, undefined)
  }
  return grams
}

function ofStatistics(model: Model, windows: Windows): Float32Array[][] {
  return model.map(({ inputs }) => inputs.map((means) => means.map((square) => square * tokensOf(windows))))
}

/** Gram matrices that are solved for from the pruned weights and the mean squares. */
function ofWeights(decoder: Decoder, model: Model, windows: Windows): Sums {
  const prunedOf = mergedWeights(decoder, METHOD, [model])
  return model.map(({ inputs }, block) => {
    const { layers } = decoder.forms[block]
    const [base, pruned] = [decoder.baseWeights(block), prunedOf(block)]
    return inputs.map((means, input) => {
      const roles = layers.flatMap((layer, role) => (layer.input === input ? [role] : []))
      const size = { rows: roles.reduce((sum, role) => sum + layers[role].rows, 0), cols: means.length }
      if (!isSolvable(size)) return undefined
      const stacked = (weights: readonly Float32Array[]) =>
        Float32Array.from(roles.flatMap((role) => Array.from(weights[role])))
      const mean = gramFromWeights({ ...size, base: stacked(base), pruned: stacked(pruned) }, means)
      return mean.map((product) => product * tokensOf(windows))
    })
  })
}

function countsOf({ ids }: Windows, vocabulary: Vocabulary): Float64Array {
  const counts = new Float64Array(vocabulary.ids.length)
  const places = new Map([...vocabulary.ids.entries()].map(([place, id]) => [id, place]))
  for (const id of ids) counts[places.get(id) ?? 0]++
  return counts
}
