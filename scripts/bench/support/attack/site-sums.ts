/** All that a site can offer of its text: the sums over the text of each layer input, and what pruned weights show. */
import type { SparseMethod } from '../../../../src/form/method.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { meansAbove } from '../../../../src/jobs/federation/moments-file.ts'
import { toContribution } from '../../../../src/merge/masks/contribution.ts'
import { applyMerged } from '../../../../src/merge/masks/merged-block.ts'
import type { Decoder } from '../../../../src/model/forward/decoder.ts'
import { FIRST_BLOCK, type Vocabulary } from '../../../../src/model/forward/vocabulary.ts'
import { pruneSequential } from '../../../../src/prune/run/sequential.ts'
import type { Solvers } from '../../../../src/prune/run/solvers.ts'
import { gramFromWeights, isSolvable } from './gram-from-weights.ts'

/** The sums of one layer input, as means over the tokens of a text. */
export interface InputSums {
  /** [cols]. */
  meanSquares: Float32Array
  /** One a pair i < j. */
  products: Float32Array
  /** The products as they are solved for from pruned weights; undefined: these give too few equations. */
  solved: Float32Array | undefined
}

export interface SiteSums {
  windows: Windows
  tokens: number
  /** One entry an id of the vocabulary. */
  counts: Float64Array
  /** As offered, one entry a block and distinct input. */
  inputs: InputSums[][]
  /** The first block's first input, if it were calibrated on the text. */
  onText: InputSums
}

interface Offering {
  decoder: Decoder
  solvers: Solvers
  vocabulary: Vocabulary
}

const METHOD: SparseMethod = { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } }

export async function siteSums(offering: Offering, windows: Windows): Promise<SiteSums> {
  const { decoder, vocabulary } = offering
  const blocks = Array.from({ length: decoder.blocks }, (_, block) => block)
  return {
    windows,
    tokens: windows.count * windows.length,
    counts: countsOf(windows, vocabulary),
    inputs: await sumsOf(offering, windows, blocks, vocabulary),
    onText: (await sumsOf(offering, windows, [FIRST_BLOCK], undefined))[FIRST_BLOCK][0],
  }
}

/** The text flows through the blocks as they are pruned, as in a plan of one round. */
async function sumsOf(
  { decoder, solvers }: Offering,
  windows: Windows,
  blocks: readonly number[],
  vocabulary: Vocabulary | undefined,
): Promise<InputSums[][]> {
  const all: InputSums[][] = []
  await pruneSequential(decoder, solvers, {
    ...METHOD,
    blocks,
    windows,
    vocabulary,
    onStatistics(block, inputs) {
      all[block] = inputs.map(({ gram = new Float32Array(), meanSquares, tokens }) => {
        return { meanSquares, products: meansAbove(gram, meanSquares.length, tokens), solved: undefined }
      })
    },
    onBlock({ block, layers }) {
      const [form, base] = [decoder.forms[block], decoder.baseWeights(block)]
      const { layers: sparse = [] } = toContribution(form, layers, [])
      const pruned = applyMerged(form, base, { layers: sparse })
      for (const [input, sums] of all[block].entries()) {
        const roles = form.layers.flatMap((layer, role) => (layer.input === input ? [role] : []))
        const size = { rows: roles.reduce((sum, role) => sum + form.layers[role].rows, 0), cols: form.inputs[input] }
        if (!isSolvable(size)) continue
        const stacked = (weights: readonly (Float32Array | Float16Array)[]) =>
          Float32Array.from(roles.flatMap((role) => Array.from(weights[role])))
        const moved = { ...size, base: stacked(base), pruned: stacked(pruned) }
        sums.solved = meansAbove(gramFromWeights(moved, sums.meanSquares), size.cols, 1)
      }
    },
  })
  return all
}

export function countsOf({ ids }: Windows, { ids: all }: Vocabulary): Float64Array {
  const counts = new Float64Array(all.length)
  const places = new Map([...all.entries()].map(([place, id]) => [id, place]))
  for (const id of ids) counts[places.get(id) ?? 0]++
  return counts
}
