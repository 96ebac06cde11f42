/**
 * The time of SparseGPT's solves in portable arithmetic, beside ONNX Runtime's: 50 % zeros in blocks of SmolLM2-135M's
 * shapes, with made-up weights and Gram matrices. Each block is solved with the one and then with the other. Prints the
 * seconds of all blocks, of the clock and of the processor, and a digest of the portable results, which is the same on
 * every machine and with any number of threads.
 *
 *   npm run bench -- pooled-solve [--blocks 30] [--turns 3] [--threads 2]
 */
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { PortableAlgebra } from '../../src/algebra/portable-algebra.ts'
import { median } from '../../src/base/quantile.ts'
import type { LayerGroup, PrunedLayer } from '../../src/prune/run/group.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { fixedNumbers } from '../../src/runtime/fixed-numbers.ts'

const HALF = { kind: 'unstructured', ppm: 500_000 } as const
/** The groups of a block: the features of an input, and the rows of the layers that read it. */
const GROUPS = [
  { cols: 576, rows: [576, 192, 192] }, // query, key, value
  { cols: 576, rows: [576] }, // output
  { cols: 576, rows: [1536, 1536] }, // gate, up
  { cols: 1536, rows: [576] }, // down
]
/** Windows of the made-up text, and its tokens: enough for the widest input. */
const [WINDOWS, TOKENS] = [8, 4096]
/** The wanted ratio of the clock's seconds. */
const MOST = 6

interface Seconds {
  clock: number
  processor: number
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      blocks: { type: 'string', default: '30' },
      turns: { type: 'string', default: '3' },
      threads: { type: 'string', default: '2' },
    },
  })
  const [blocks, threads] = [Number(values.blocks), Number(values.threads)]
  await using fast = await Solvers.create(threads, 'fast')
  await using portable = await Solvers.create(threads, 'portable')
  const grams = new Map(await Promise.all([576, 1536].map(async (cols) => [cols, await gram(cols)] as const)))
  for (const solvers of [fast, portable]) await solvers.prune(groups(0, grams)) // compiled, memory taken
  const ratios: Record<keyof Seconds, number[]> = { clock: [], processor: [] }
  console.log(`${blocks} blocks, ${threads} threads`)
  for (let turn = 0; turn < Number(values.turns); turn++) {
    const sums = [fast, portable].map((solvers) => ({ solvers, clock: 0, processor: 0 }))
    const digest = createHash('sha256')
    for (let block = 0; block < blocks; block++) {
      for (const sum of sums) {
        const { seconds, layers } = await timed(sum.solvers, groups(block, grams))
        sum.clock += seconds.clock
        sum.processor += seconds.processor
        if (sum.solvers === portable) for (const { weight } of layers.flat()) digest.update(bytesOf(weight))
      }
    }
    console.log(`  ONNX Runtime ${line(sums[0])}; portable ${line(sums[1])}; ${digest.digest('hex').slice(0, 16)}`)
    for (const kind of ['clock', 'processor'] as const) ratios[kind].push(sums[1][kind] / sums[0][kind])
  }
  for (const kind of ['clock', 'processor'] as const) {
    const [least, most] = [Math.min(...ratios[kind]), Math.max(...ratios[kind])].map((ratio) => ratio.toFixed(2))
    console.log(`  ratio of the ${kind}: ${median(ratios[kind]).toFixed(2)} (median; ${least} to ${most})`)
  }
  console.log(`  at most ${MOST} wanted: ${median(ratios.clock) <= MOST ? 'kept' : 'not kept'}`)
}

/** The groups of a block, made anew for every use: a solver takes their arrays away. */
function groups(block: number, grams: ReadonlyMap<number, Float32Array>): LayerGroup[] {
  return GROUPS.map(({ cols, rows }, g) => ({
    pruner: 'sparsegpt',
    target: HALF,
    cols,
    layers: rows.map((count, role) => ({
      weight: fixedNumbers(count * cols, (block * GROUPS.length + g) * 3 + role),
      rows: count,
    })),
    meanSquares: null,
    gram: { sums: grams.get(cols)!.slice(), scale: 2 / WINDOWS },
  }))
}

/** X^T X of inputs X that share a part, [cols, cols]. */
async function gram(cols: number): Promise<Float32Array> {
  const common = fixedNumbers(TOKENS, cols)
  const data = fixedNumbers(TOKENS * cols).map((value, at) => value + common[Math.floor(at / cols)])
  const x = { data, rows: TOKENS, cols }
  return (await new PortableAlgebra().multiply(x, x, { transposeA: true })).data
}

async function timed(solvers: Solvers, work: LayerGroup[]): Promise<{ seconds: Seconds; layers: PrunedLayer[][] }> {
  const [begin, used] = [performance.now(), process.cpuUsage()]
  const layers = await solvers.prune(work)
  const { user, system } = process.cpuUsage(used)
  return { layers, seconds: { clock: (performance.now() - begin) / 1e3, processor: (user + system) / 1e6 } }
}

function line({ clock, processor }: Seconds): string {
  return `${clock.toFixed(2)} s, ${processor.toFixed(2)} of the processor`
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
