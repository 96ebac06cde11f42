/**
 * The change in perplexity where the first block's input is calibrated on the vocabulary and not on the text. Sites of
 * unlike texts are pruned both ways; a figure is the geometric mean, over texts that nothing was calibrated on, of the
 * perplexity of a site alone, and of all sites together (rule l0). The last column is the time that the vocabulary
 * takes.
 *
 *   npm run bench -- vocabulary [--model DIR] [--text FILE,...] [--windows 8] [--window 128] [--tokens 5120]
 *                               [--sparsities 0.5,0.6] [--pruners sparsegpt,wanda]
 *
 * Without --text the four kinds of the embedded model's texts are the sites'; of files, the windows behind those of
 * the site are measured on.
 */
import { parseArgs } from 'node:util'
import { parsePpm } from '../../src/base/decimal.ts'
import { PRUNERS, type SparseMethod } from '../../src/form/method.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { perplexity } from '../../src/model/forward/perplexity.ts'
import { observeVocabulary, tokenInputs, type Vocabulary } from '../../src/model/forward/vocabulary.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { table } from '../report/table.ts'
import { contributed, type LieBench, type Model, mergedWeights } from './support/lies/mask-lies.ts'
import { fileWindows, heldWindows, siteWindows, vocabularyOf } from './support/site-windows.ts'

const THREADS = 2
const SITES = 4

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      text: { type: 'string' },
      windows: { type: 'string', default: '8' },
      window: { type: 'string', default: '128' },
      tokens: { type: 'string', default: '5120' },
      sparsities: { type: 'string', default: '0.5,0.6' },
      pruners: { type: 'string', default: 'sparsegpt,wanda' },
    },
  })
  const [count, length, tokens] = [values.windows, values.window, values.tokens].map(Number)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const held = Math.floor(tokens / length)
  const windows =
    values.text === undefined
      ? {
          sites: await siteWindows(decoder, { sites: SITES, count, length }),
          held: await heldWindows(decoder, held, length),
        }
      : await fileWindows(decoder, values.text.split(','), { count, held, length })
  await using solvers = await Solvers.create(THREADS)
  const vocabulary = vocabularyOf(decoder, length)
  const bench = { decoder, solvers, vocabulary, ...windows }
  const { mixed } = await tokenInputs(decoder)
  for (const { layer, operator } of mixed) console.log(`The input of ${layer} stays on the text: ${operator}`)
  console.log(
    `${decoder.name}, ${vocabulary.ids.length} ids, ${bench.sites.length} sites, ${count} windows of ${length}\n`,
  )
  const rows = [['', 'text', 'vocabulary', 'change', 'seconds']]
  for (const pruner of PRUNERS.filter((name) => values.pruners.split(',').includes(name))) {
    for (const sparsity of values.sparsities.split(',')) {
      const method: SparseMethod = { pruner, target: { kind: 'unstructured', ppm: parsePpm(sparsity) } }
      rows.push(...(await compared(bench, method, vocabulary)))
    }
  }
  console.log(table(rows))
  await decoder.close()
}

/** One row of the table for sites alone, and one for all together, if there are several. */
async function compared(bench: LieBench, method: SparseMethod, vocabulary: Vocabulary): Promise<string[][]> {
  const figures: { alone: number; together: number }[] = []
  for (const given of [undefined, vocabulary]) {
    const models: Model[] = []
    for (const windows of bench.sites) models.push(await contributed(bench, method, windows, given))
    const alone: number[] = []
    for (const model of models) alone.push(await measured(bench, method, [model]))
    const together = models.length > 1 ? await measured(bench, method, models) : alone[0]
    figures.push({ alone: geometricMean(alone), together })
  }
  const start = performance.now()
  await observeVocabulary(bench.decoder, vocabulary, method.pruner === 'sparsegpt' ? 'gram' : 'squares')
  const seconds = (performance.now() - start) / 1e3
  const share = method.target.kind === 'unstructured' ? method.target.ppm / 1e4 : 0
  const rows = bench.sites.length > 1 ? (['alone', 'together'] as const) : (['alone'] as const)
  return rows.map((who) => {
    const [text, own] = figures.map((each) => each[who])
    const change = `${(100 * (own / text - 1)).toFixed(2)} %`
    return [`${method.pruner} ${share} %, ${who}`, text.toFixed(3), own.toFixed(3), change, seconds.toFixed(2)]
  })
}

async function measured({ decoder, held }: LieBench, method: SparseMethod, models: readonly Model[]): Promise<number> {
  const weights = mergedWeights(decoder, method, models)
  const blocks = decoder.forms.map((_, block) => weights(block))
  const found: number[] = []
  for (const windows of held) found.push((await perplexity(decoder, windows, (block) => blocks[block])).perplexity)
  return geometricMean(found)
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
