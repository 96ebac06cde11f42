/**
 * Word counts from what sites offer: see support/attack/count-attack.ts. Everybody has the base model, so everybody knows what
 * each token puts into a layer where it stands alone. In the first block's input that is all there is; later inputs mix
 * in the tokens before. Every site has windows of one kind of the embedded model's texts, and offers SparseGPT's
 * `weights` at 50 %, which hold the statistics too. Where enough rows read an input, its Gram matrix is solved for from
 * the weights (support/attack/gram-from-weights.ts). The last column attacks the true Gram matrix, as pooling plans offer it.
 *
 * A figure is the share of the types of the text that are among as many guesses, and behind it the correlation of the
 * counts found with the text's; means over the sites. The first table attacks the first block's input as it would be of
 * the text, and as it is offered, over the vocabulary; `exact` is the number of types whose count was found, of all in
 * the texts. (From the vocabulary all tokens come out alike: types that happen to have that count are exact then.) The
 * second table attacks every input as it is offered.
 *
 *   npm run bench -- leak [--model DIR] [--sites 4] [--tokens 256,4096] [--window 256]
 */
import { parseArgs } from 'node:util'
import type { LinearAlgebra, Matrix } from '../../src/algebra/linear-algebra.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { FIRST_BLOCK } from '../../src/model/forward/vocabulary.ts'
import { distinctInputs } from '../../src/model/graph/block-forms.ts'
import { layerName } from '../../src/model/graph/layers.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { OnnxAlgebra } from '../../src/runtime/onnx-algebra.ts'
import { table } from '../report/table.ts'
import { type AttackedText, attackedText, SOURCES, type Source } from './support/attack/attacked-text.ts'
import { kernelOf, type Score, scored, solveCounts } from './support/attack/count-attack.ts'
import { dictionaryOf } from './support/attack/dictionary.ts'
import { mean } from './support/lies/mask-lies.ts'
import { siteWindows, vocabularyOf } from './support/site-windows.ts'

const THREADS = 2
const SOURCE_NAMES = Object.keys(SOURCES) as Source[]
/**
 * An exact solution takes 50 for 256 tokens of text, and 200 for 4,096. Where there are fewer equations than counts,
 * more change little.
 */
const SWEEPS = 200

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      sites: { type: 'string', default: '4' },
      tokens: { type: 'string', default: '256,4096' },
      window: { type: 'string', default: '256' },
    },
  })
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const length = Number(values.window)
  const vocabulary = vocabularyOf(decoder, length)
  await using solvers = await Solvers.create(THREADS)
  const groups: AttackedText[][] = []
  for (const tokens of values.tokens.split(',').map(Number)) {
    const count = Math.floor(tokens / length)
    const texts: AttackedText[] = []
    for (const windows of await siteWindows(decoder, { sites: Number(values.sites), count, length }))
      texts.push(await attackedText({ decoder, solvers, vocabulary }, windows))
    groups.push(texts)
  }
  const linear = await OnnxAlgebra.create({ threads: THREADS })
  const dictionary = await dictionaryOf(decoder, vocabulary.ids)
  console.log(`${decoder.name}, ${vocabulary.ids.length} ids, ${values.sites} sites, windows of ${length}\n`)
  console.log(await firstTable(linear, dictionary[FIRST_BLOCK][0], groups))
  console.log(`\n${await everyTable(linear, decoder, dictionary, groups)}`)
  await linear.dispose()
  await decoder.close()
}

/** @param groups - texts of equal length each */
async function firstTable(linear: LinearAlgebra, vectors: Matrix, groups: readonly AttackedText[][]): Promise<string> {
  const rows = [['input of block 0', ...groups.flatMap(([{ tokens }]) => [`${tokens} tokens`, 'exact'])]]
  for (const source of SOURCE_NAMES.toReversed()) {
    const kernel = await kernelOf(linear, vectors, SOURCES[source])
    for (const [name, sumsOf] of [
      ['of the text', ({ first }: AttackedText) => first[source]],
      ['as offered', ({ offered }: AttackedText) => offered[source][FIRST_BLOCK][0]],
    ] as const) {
      const cells: string[] = []
      for (const texts of groups) {
        const scores: Score[] = []
        for (const text of texts) {
          const sums = sumsOf(text)
          if (sums !== undefined) scores.push(scored(await solveCounts(linear, kernel, sums, SWEEPS), text.counts))
        }
        cells.push(inShort(scores), `${sum(scores, ({ exact }) => exact)} of ${sum(scores, ({ all }) => all)}`)
      }
      rows.push([`${source}, ${name}`, ...cells])
    }
  }
  return table(rows)
}

async function everyTable(
  linear: LinearAlgebra,
  { cut }: Decoder,
  dictionary: readonly Matrix[][],
  groups: readonly AttackedText[][],
): Promise<string> {
  const chance = groups.map((texts) => mean(texts.map(({ counts }) => shareOfTypes(counts))).toFixed(2))
  const rows = [
    ['input', ...SOURCE_NAMES.flatMap((source) => groups.map(([{ tokens }]) => `${source}, ${tokens}`))],
    ['by chance', ...SOURCE_NAMES.flatMap(() => chance)],
  ]
  for (const [block, inputs] of dictionary.entries()) {
    const layers = distinctInputs(cut.blocks[block].layers)
    for (const [input, vectors] of inputs.entries()) {
      const cells: string[] = []
      for (const source of SOURCE_NAMES) {
        const kernel = await kernelOf(linear, vectors, SOURCES[source])
        for (const texts of groups) {
          const scores: Score[] = []
          for (const { offered, counts } of texts) {
            const sums = offered[source][block][input]
            if (sums !== undefined) scores.push(scored(await solveCounts(linear, kernel, sums, SWEEPS), counts))
          }
          cells.push(inShort(scores))
        }
      }
      rows.push([layerName(cut.index, layers[input]), ...cells])
    }
  }
  return table(rows)
}

function shareOfTypes(counts: Float64Array): number {
  return counts.filter((count) => count > 0).length / counts.length
}

/** Means over texts: types, and correlation of counts. */
function inShort(scores: readonly Score[]): string {
  if (scores.length === 0) return '-'
  return [scores.map(({ types }) => types), scores.map(({ correlation }) => correlation)]
    .map((values) => mean(values).toFixed(2))
    .join(' ')
}

function sum(scores: readonly Score[], of: (score: Score) => number): number {
  return scores.reduce((total, score) => total + of(score), 0)
}
