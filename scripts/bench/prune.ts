/**
 * The cost of pruning beside the plainest thing one can do with the model: one forward pass of the same text through
 * all blocks (no head), in the same process, warm. Prints forward, statistics, solve and write as multiples of it.
 *
 * With --reference, the PyTorch program `reference` prunes the same model on the same text in turn, three times each,
 * and the medians are compared. It is run as `PYTHON -m reference` in the directory --root; --model holds the weights
 * in Hugging Face's form as well.
 *
 *   npm run bench -- prune [--model DIR] [--text FILE] [--windows 32] [--window 512] [--pruner P]
 *                          [--reference PYTHON --root DIR]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../../src/base/quantile.ts'
import { storeBlock } from '../../src/files/block-store.ts'
import type { PrunerName } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { type PruneSeconds, pruneSequential } from '../../src/prune/run/sequential.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { list, namedReference, type Reference, reference } from './support/reference.ts'
import { benchWindows, forwardSeconds } from './support/windows.ts'

const THREADS = 2
const HALF = { kind: 'unstructured', ppm: 500_000 } as const
const PRUNERS: readonly PrunerName[] = ['wanda', 'sparsegpt']
/** Turns of the two programs. */
const TURNS = 3

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      text: { type: 'string' },
      windows: { type: 'string', default: '32' },
      window: { type: 'string', default: '512' },
      pruner: { type: 'string' },
      reference: { type: 'string' },
      root: { type: 'string' },
    },
  })
  const program = namedReference(values)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const length = Math.min(Number(values.window), decoder.maxWindow ?? Number.POSITIVE_INFINITY)
  const windows = await benchWindows(decoder, values.text, Number(values.windows), length)
  await using solvers = await Solvers.create(THREADS)
  console.log(`${decoder.name}, ${windows.count} windows of ${length}, ${THREADS} threads`)
  await forwardSeconds(decoder, windows) // sessions made, files in the page cache
  for (const pruner of PRUNERS.filter((name) => values.pruner === undefined || name === values.pruner)) {
    if (program === undefined) {
      await printMultiples(decoder, solvers, pruner, windows)
      continue
    }
    const theirs = () => referenceSeconds(program, resolve(values.model), pruner, windows)
    const ours = async () => {
      const { total, seconds } = await prune(decoder, solvers, pruner, windows)
      return { total, solve: seconds.solve }
    }
    await compare(pruner, ours, theirs)
  }
  await decoder.close()
}

async function printMultiples(decoder: Decoder, solvers: Solvers, pruner: PrunerName, windows: Windows): Promise<void> {
  const plain = await forwardSeconds(decoder, windows)
  const { seconds, write, total } = await prune(decoder, solvers, pruner, windows)
  const again = await forwardSeconds(decoder, windows)
  const forward = (plain + again) / 2
  const times = (value: number) => `${value.toFixed(2)} s (${(value / forward).toFixed(2)} x)`
  console.log(`\n${pruner}, 50 %: one plain forward pass ${plain.toFixed(2)} s before, ${again.toFixed(2)} s after`)
  console.log(`  forward     ${times(seconds.forward)}`)
  console.log(`  statistics  ${times(seconds.statistics)}`)
  console.log(`  solve       ${times(seconds.solve)}`)
  console.log(`  together    ${times(seconds.forward + seconds.statistics + seconds.solve)}`)
  console.log(`  write       ${times(write)}, all ${total.toFixed(2)} s`)
}

interface Pruned {
  seconds: PruneSeconds
  write: number
  /** Everything, from the tokens to the pruned blocks on disk. */
  total: number
}

async function prune(decoder: Decoder, solvers: Solvers, pruner: PrunerName, windows: Windows): Promise<Pruned> {
  const out = mkdtempSync(join(tmpdir(), 'coppice-bench-'))
  let write = 0
  const start = performance.now()
  const seconds = await pruneSequential(decoder, solvers, {
    pruner,
    target: HALF,
    blocks: Array.from({ length: decoder.blocks }, (_, block) => block),
    windows,
    async onBlock({ block, layers }) {
      const begin = performance.now()
      await storeBlock(
        out,
        block,
        layers.map(({ weight }) => weight),
      )
      write += (performance.now() - begin) / 1e3
    },
  })
  const total = (performance.now() - start) / 1e3
  rmSync(out, { recursive: true })
  return { seconds, write, total }
}

/** Seconds of a whole prune, and of its solves. */
interface Timed {
  total: number
  solve: number
}

/** Medians of both, in turn. */
async function compare(pruner: PrunerName, ours: () => Promise<Timed>, theirs: () => Promise<Timed>): Promise<void> {
  const turns: { our: Timed; their: Timed }[] = []
  for (let turn = 0; turn < TURNS; turn++) turns.push({ our: await ours(), their: await theirs() })
  console.log(`\n${pruner}, 50 %, in turn with PyTorch, seconds`)
  for (const phase of ['total', 'solve'] as const) {
    const [our, their] = [turns.map((turn) => turn.our[phase]), turns.map((turn) => turn.their[phase])]
    const ratio = (median(our) / median(their)).toFixed(2)
    console.log(`  ${phase}: ${list(our)}; PyTorch ${list(their)}; ratio of medians ${ratio}`)
  }
}

/** The seconds that the PyTorch program reports for its pruning, with model and tokens in memory. */
async function referenceSeconds(
  program: Reference,
  model: string,
  pruner: PrunerName,
  { count, length }: Windows,
): Promise<Timed> {
  const work = ['prune', '--model', model, '--text', program.file, '--method', pruner, '--sparsity', '0.5']
  const size = ['--nsamples', String(count), '--seqlen', String(length), '--threads', String(THREADS)]
  // It always evaluates, apart from what is timed.
  const least = ['--eval', program.file, '--max-tokens', String(length)]
  return ((await reference(program, ...work, ...size, ...least)) as { seconds: Timed }).seconds
}
