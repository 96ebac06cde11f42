/**
 * How far honest contributions lie from the base: the constants in src/merge/masks/bounds.ts,
 * src/merge/structures/adapter-bounds.ts and src/merge/masked/doubt.ts follow from it.
 *
 * With --pruner sparsegpt, the default, each site prunes the whole model on windows of its own text. Prints, for each
 * target, the least cosine with the base over the kept weights, the largest norm, divided by the base's, the least,
 * divided by that of the kept weights of the base, and the largest weight, over all layers, sites and numbers of
 * windows. With --pruner llm-pruner each site trains adapters on what is left once --ratios of the structures are
 * removed. Prints, for each ratio, rate and number of steps, how far A and B have gone, divided by their distance if
 * each number went the whole rate in every step, and the largest change of a layer, divided by the layer's norm, over
 * all layers and sites. With --pruner wanda each site measures mean squares. Prints how far the totals of all sites lie
 * above the part of one of them, divided by the number of sites: of all columns of an input, and of the one in the
 * middle. --texts are files, one a site.
 *
 *   npm run bench -- bounds [--model DIR] [--sites 16] [--windows 2,8,32] [--window 128]
 *     [--blocks N] [--targets 0.5,2:4,...]
 *     [--pruner wanda] [--texts FILE,FILE,...]
 *     [--pruner llm-pruner] [--ratios 0.25,0.5] [--rates 1e-4] [--steps 1,5,20,100]
 */
import { parseArgs } from 'node:util'
import type { SparsityTarget } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import { toContribution } from '../../src/merge/masks/contribution.ts'
import { type Likeness, likenessOf } from '../../src/merge/masks/likeness.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { someWindows } from '../../src/model/text/text.ts'
import { pruneSequential } from '../../src/prune/run/sequential.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { StructuredModel } from '../../src/structure/federated/structured-model.ts'
import { honestMoves, type Moves } from './support/adapter-moves.ts'
import { ownShares } from './support/own-shares.ts'
import { fileWindows, siteWindows } from './support/site-windows.ts'

const THREADS = 2

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      sites: { type: 'string', default: '16' },
      windows: { type: 'string', default: '2,8,32' },
      window: { type: 'string', default: '128' },
      blocks: { type: 'string' },
      targets: { type: 'string', default: '0.5,0.6,0.7,0.8,2:4' },
      texts: { type: 'string' },
      pruner: { type: 'string', default: 'sparsegpt' },
      ratios: { type: 'string', default: '0.25,0.5' },
      rates: { type: 'string', default: '1e-4' },
      steps: { type: 'string', default: '1,5,20,100' },
    },
  })
  const counts = numbersOf(values.windows)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const [sites, length] = [Number(values.sites), Number(values.window)]
  const count = Math.max(...counts)
  const texts =
    values.texts === undefined
      ? await siteWindows(decoder, { sites, count, length })
      : (await fileWindows(decoder, values.texts.split(','), { count, held: 0, length })).sites
  console.log(`${decoder.name}, ${texts.length} sites, ${counts.join(', ')} windows of ${length}`)
  const [ratios, rates, looks] = [values.ratios, values.rates, values.steps].map(numbersOf)
  if (values.pruner === 'wanda') await measureShares(decoder, texts, counts)
  else if (values.pruner === 'llm-pruner') await measureAdapters(decoder, { texts, counts, ratios, rates, looks })
  else await measureWeights(decoder, texts, counts, values)
  await decoder.close()
}

async function measureShares(decoder: Decoder, texts: readonly Windows[], counts: readonly number[]): Promise<void> {
  for (const count of counts) {
    const some = texts.map((text) => someWindows(text, 0, count))
    const { all, middle } = await ownShares(decoder, some)
    console.log(`${count} windows: ${all.toFixed(2)} of all columns, ${middle.toFixed(2)} of the one in the middle`)
  }
}

function numbersOf(list: string): number[] {
  return list.split(',').map(Number)
}

interface AdapterCases {
  texts: readonly Windows[]
  counts: readonly number[]
  ratios: readonly number[]
  rates: readonly number[]
  /** Numbers of steps, ascending. */
  looks: readonly number[]
}

async function measureAdapters(decoder: Decoder, { texts, counts, ratios, rates, looks }: AdapterCases): Promise<void> {
  const model = await StructuredModel.of(decoder)
  for (const ratio of ratios) {
    for (const rate of rates) {
      for (const count of counts) {
        const sites = texts.map((text) => someWindows(text, 0, count))
        const all: { steps: number; moves: Moves }[] = []
        const job = { model, sites, ppm: Math.round(ratio * 1e6), rate, looks }
        for await (const found of honestMoves(job)) all.push(found)
        for (const [steps, found] of Map.groupBy(all, (each) => each.steps)) {
          const most = (of: keyof Moves) => Math.max(...found.map(({ moves }) => moves[of])).toFixed(3)
          const label = `ratio ${ratio}, rate ${rate}, ${count} windows, ${steps} steps`
          console.log(`${label}: A ${most('a')}, B ${most('b')}, change ${most('change')} (${found.length} sites)`)
        }
      }
    }
  }
}

async function measureWeights(
  decoder: Decoder,
  texts: readonly Windows[],
  counts: readonly number[],
  values: { blocks?: string; targets: string },
): Promise<void> {
  const blocks = Array.from({ length: Number(values.blocks ?? decoder.blocks) }, (_, block) => block)
  await using solvers = await Solvers.create(THREADS)
  for (const name of values.targets.split(',')) {
    const all: Likeness[] = []
    for (const count of counts) {
      const own: Likeness[] = []
      for (const text of texts) {
        own.push(...(await likenesses(decoder, solvers, blocks, targetOf(name), someWindows(text, 0, count))))
      }
      print(`  ${name}, ${count} windows`, own)
      all.push(...own)
    }
    print(name, all)
  }
}

function targetOf(name: string): SparsityTarget {
  const [n, m] = name.split(':').map(Number)
  return m === undefined ? { kind: 'unstructured', ppm: Math.round(n * 1e6) } : { kind: 'pattern', n, m }
}

/** The extremes over all layers of these blocks, as they would be sent. */
async function likenesses(
  decoder: Decoder,
  solvers: Solvers,
  blocks: number[],
  target: SparsityTarget,
  windows: Windows,
): Promise<Likeness[]> {
  const found: Likeness[] = []
  const onBlock = ({ block, layers, meanSquares }: Parameters<Parameters<typeof pruneSequential>[2]['onBlock']>[0]) => {
    const base = decoder.baseWeights(block)
    const contribution = toContribution(decoder.forms[block], layers, meanSquares)
    for (const [role, layer] of (contribution.layers ?? []).entries()) found.push(likenessOf(base[role], layer))
  }
  await pruneSequential(decoder, solvers, { pruner: 'sparsegpt', target, blocks, windows, onBlock })
  return found
}

function print(label: string, all: Likeness[]): void {
  const cosine = Math.min(...all.map(({ dot, squares, keptSquares }) => dot / Math.sqrt(squares * keptSquares)))
  const norm = Math.max(...all.map(({ squares, baseSquares }) => Math.sqrt(squares / baseSquares)))
  const least = Math.min(...all.map(({ squares, keptSquares }) => Math.sqrt(squares / keptSquares)))
  const peak = Math.max(...all.map((each) => each.peak / each.basePeak))
  const figures = [cosine, norm, least, peak].map((figure) => figure.toFixed(3))
  console.log(`${label}: cosine ${figures[0]}, norm ${figures[1]}, of the kept ${figures[2]}, peak ${figures[3]}`)
}
