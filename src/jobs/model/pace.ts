/**
 * The jobs of measuring how fast this machine works with a model: the first blocks are pruned on a little text, twice;
 * and the head predicts a little text. Nothing is written.
 */
import { stopwatch } from '../../base/stopwatch.ts'
import type { PrunerName, SparsityTarget } from '../../form/method.ts'
import type { Windows } from '../../form/windows.ts'
import { Stream } from '../../model/forward/stream.ts'
import { someWindows } from '../../model/text/text.ts'
import { type PruneSeconds, pruneSequential } from '../../prune/run/sequential.ts'
import type { Solvers } from '../../prune/run/solvers.ts'
import type { Bench } from '../bench.ts'
import type { JobContext } from '../job.ts'

interface PaceArgs {
  dir: string
  pruner: PrunerName
  target: SparsityTarget
  /** Some of the text; undefined: the work needs none. */
  windows: Windows | undefined
  /** Whether sums of all sites are to be solved as well. */
  portable: boolean
}

/** Seconds of one block, on so many tokens. */
interface BlockPace {
  tokens: number
  seconds: PruneSeconds
}

export interface Pace {
  /** The block that was measured. */
  block: number
  few: BlockPace
  many: BlockPace
  /** Seconds that the first block took longer than this one: sessions were made for all like it. */
  sessions: number
  /** Seconds of solving one block in arithmetic that is the same on every machine; null: not asked for. */
  portable: number | null
}

/** Predictions over the whole vocabulary. */
export interface HeadPace {
  tokens: number
  seconds: number
}

/** The first block makes sessions, and the last one is not passed: the one between them is measured. */
const BLOCKS = 3
/** Windows of the longer measurement: what differs between the two is the work of the tokens alone. */
const MANY_WINDOWS = 4

export async function pace(args: PaceArgs, bench: Bench, { signal }: JobContext): Promise<Pace> {
  const { dir, windows } = args
  const decoder = bench.open(dir)
  const blocks = Array.from({ length: Math.min(BLOCKS, decoder.blocks) }, (_, block) => block)
  const block = blocks[Math.min(1, blocks.length - 1)]
  const measure = async (count: number, solvers: Solvers): Promise<BlockPace & { first: PruneSeconds }> => {
    const some = windows && someWindows(windows, 0, Math.min(count, windows.count))
    const after: PruneSeconds[] = []
    await pruneSequential(decoder, solvers, {
      ...args,
      blocks,
      windows: some,
      signal,
      onBlock: () => undefined,
      onFinished: (_, __, seconds) => void after.push({ ...seconds }),
    })
    const tokens = some === undefined ? 0 : some.count * some.length
    return { tokens, seconds: between(after[block - 1], after[block]), first: after[0] }
  }
  const few = await measure(1, await bench.solvers())
  const many = await measure(MANY_WINDOWS, await bench.solvers())
  const portable = args.portable ? (await measure(1, await bench.portableSolvers())).seconds.solve : null
  const sessions = Math.max(0, sumOf(few.first) - sumOf(few.seconds))
  return { block, few, many, sessions, portable }
}

/** @param windows - the first of them is predicted */
export async function headPace(
  { dir, windows }: { dir: string; windows: Windows },
  bench: Bench,
  { signal }: JobContext,
): Promise<HeadPace> {
  const decoder = bench.open(dir)
  const stream = await Stream.start(decoder, someWindows(windows, 0, 1))
  await stream.pass(0, undefined, signal)
  for (let block = 1; block < decoder.blocks; block++) await stream.skip(block)
  await stream.negativeLogLikelihood(signal) // makes the session
  const elapsed = stopwatch()
  const { tokens } = await stream.negativeLogLikelihood(signal)
  return { tokens, seconds: elapsed() }
}

function sumOf({ forward, solve, statistics }: PruneSeconds): number {
  return forward + solve + statistics
}

/** The seconds of the phases between two looks at the clock. */
function between(before: PruneSeconds | undefined, after: PruneSeconds): PruneSeconds {
  const { forward = 0, statistics = 0, solve = 0 } = before ?? {}
  return {
    forward: after.forward - forward,
    statistics: after.statistics - statistics,
    solve: after.solve - solve,
  }
}
