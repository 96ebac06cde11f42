/**
 * How far honest contributions of weights lie from the base: the constants in src/merge/masks/bounds.ts follow from it.
 * Each site prunes the whole model with SparseGPT on windows of its own text. Prints, for each target, the least cosine
 * with the base over the kept weights, the largest norm, divided by the base's, the least, divided by that of the kept
 * weights of the base, and the largest weight, over all layers, sites and numbers of windows.
 *
 *   npm run bench -- bounds [--model DIR] [--sites 16] [--windows 2,8,32] [--window 128] [--blocks N] [--targets T,...]
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
import { siteWindows } from './support/site-windows.ts'

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
    },
  })
  const counts = values.windows.split(',').map(Number)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const blocks = Array.from({ length: Number(values.blocks ?? decoder.blocks) }, (_, block) => block)
  const [sites, length] = [Number(values.sites), Number(values.window)]
  const texts = await siteWindows(decoder, { sites, count: Math.max(...counts), length })
  await using solvers = await Solvers.create(THREADS)
  console.log(`${decoder.name}, ${sites} sites, ${counts.join(', ')} windows of ${length}, ${blocks.length} blocks`)
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
  await decoder.close()
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
