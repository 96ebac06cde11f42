/**
 * The harm of honest merges: each site's perplexity on its own calibration text with the merge of all, divided by that
 * with its own contributions alone. A member prevotes nothing above a limit, so the limit must be well above these.
 * Each of the first four sites has another kind of the embedded model's texts.
 *
 *   npm run bench -- harm [--model DIR] [--sites 4] [--windows 8] [--window 128] [--pruners sparsegpt,wanda]
 *     [--sparsities 0.5,0.7,0.8]
 */
import { parseArgs } from 'node:util'
import { parsePpm } from '../../src/base/decimal.ts'
import { PRUNERS, type PrunerName, type SparseMethod } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { perplexity } from '../../src/model/forward/perplexity.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { contributed, type LieBench, type Model, mergedWeights } from './support/lies/mask-lies.ts'
import { siteWindows, vocabularyOf } from './support/site-windows.ts'

const THREADS = 2

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      sites: { type: 'string', default: '4' },
      windows: { type: 'string', default: '8' },
      window: { type: 'string', default: '128' },
      pruners: { type: 'string', default: 'sparsegpt,wanda' },
      sparsities: { type: 'string', default: '0.5,0.7,0.8' },
    },
  })
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const [count, length] = [values.windows, values.window].map(Number)
  const sites = await siteWindows(decoder, { sites: Number(values.sites), count, length })
  const vocabulary = vocabularyOf(decoder, length)
  await using solvers = await Solvers.create(THREADS)
  console.log(`${decoder.name}, ${sites.length} sites, ${count} windows of ${length}: least and largest harm`)
  const pruners = values.pruners.split(',').filter((name): name is PrunerName => PRUNERS.some((one) => one === name))
  for (const pruner of pruners) {
    for (const sparsity of values.sparsities.split(',')) {
      const method: SparseMethod = { pruner, target: { kind: 'unstructured', ppm: parsePpm(sparsity) } }
      const harms = await harmsOf({ decoder, solvers, sites, vocabulary }, method)
      const [least, most] = [Math.min(...harms), Math.max(...harms)].map((harm) => harm.toFixed(3))
      console.log(`  ${pruner.padEnd(10)} ${sparsity.padEnd(6)} ${least} ${most}`)
    }
  }
  await decoder.close()
}

async function harmsOf(bench: Omit<LieBench, 'held'>, method: SparseMethod): Promise<number[]> {
  const models: Model[] = []
  for (const windows of bench.sites) models.push(await contributed(bench, method, windows, bench.vocabulary))
  const harms: number[] = []
  for (const [site, windows] of bench.sites.entries()) {
    const alone = await merged(bench.decoder, method, [models[site]], windows)
    harms.push((await merged(bench.decoder, method, models, windows)) / alone)
  }
  return harms
}

async function merged(
  decoder: Decoder,
  method: SparseMethod,
  models: readonly Model[],
  windows: Windows,
): Promise<number> {
  return (await perplexity(decoder, windows, mergedWeights(decoder, method, models))).perplexity
}
