/**
 * Prunes a decoder block by block on one site's text. Each block is observed with its base weights, pruned, and passed
 * with its pruned weights, so that later blocks are fitted to the inputs that they will get. Source: SparseGPT
 * (Frantar, Alistarh 2023), section 3. The text passes all other blocks with their given weights (FedSpaLLM's layer
 * sampling).
 */

import { stopwatch } from '../../base/stopwatch.ts'
import type { BlockWeights } from '../../form/block-weights.ts'
import type { PrunerName, SparsityTarget } from '../../form/method.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { Stream } from '../../model/forward/stream.ts'
import type { Observation } from '../../model/forward/sums.ts'
import { FIRST_BLOCK, observeVocabulary, type Vocabulary } from '../../model/forward/vocabulary.ts'
import type { LayerGroup, PrunedLayer } from './group.ts'
import type { Solvers } from './solvers.ts'

export interface PrunedBlock {
  block: number
  layers: PrunedLayer[]
  /**
   * One array a distinct layer input, [cols]: the mean over tokens of x_j^2, float32. Empty if nothing was observed.
   */
  meanSquares: Float32Array[]
}

export interface SequentialJob {
  pruner: PrunerName
  target: SparsityTarget
  /** The blocks to prune, ascending. */
  blocks: readonly number[]
  /** Calibration windows; undefined for magnitude without statistics. */
  windows: Windows | undefined
  /** Where given, inputs that follow from the token alone are calibrated on it, and not on the text. */
  vocabulary?: Vocabulary
  /** The weights of a block that is not pruned here; undefined: the base's. */
  weightsOf?: (block: number) => BlockWeights | undefined
  onBlock: (pruned: PrunedBlock) => void | Promise<void>
  /** Called before a block is pruned, which gives the Gram matrices up. */
  onStatistics?: (block: number, inputs: readonly InputKnowledge[]) => void | Promise<void>
  /**
   * Called when a block is pruned and the text has passed it. All later work depends on the stream alone.
   * @param stream - behind the block; null if nobody reads it any more
   * @param seconds - of all blocks so far
   */
  onFinished?: (block: number, stream: Stream | null, seconds: PruneSeconds) => void | Promise<void>
  onProgress?: (done: number, total: number) => void
  /** Read between blocks only: a block that has begun is finished. */
  signal?: AbortSignal
  /** The place where an earlier run stopped. */
  from?: StartingPoint
}

interface StartingPoint {
  /** The first block that is not finished. */
  next: number
  /** Seconds spent on the blocks before `next`. */
  seconds: PruneSeconds
  /** Sets a stream that has just started to its state in front of block `next`. */
  restore(stream: Stream): void
}

/** The statistics of an input of a block's layers. */
interface InputKnowledge {
  meanSquares: Float32Array
  /** X^T X, and the number of tokens over which it is a sum. */
  gram: Float32Array | undefined
  tokens: number
}

/** Seconds of the phases of a prune. */
export interface PruneSeconds {
  forward: number
  statistics: number
  solve: number
}

/** Prunes the blocks of a job. Blocks behind the last one to prune are not computed: nobody reads their output. */
export async function pruneSequential(decoder: Decoder, solvers: Solvers, job: SequentialJob): Promise<PruneSeconds> {
  const { blocks, from, signal } = job
  const last = blocks.at(-1) ?? -1
  const watch = new PhaseWatch(from?.seconds)
  const first = from?.next ?? 0
  if (first > 0) job.onProgress?.(first, last + 1)
  if (first > last) return watch.seconds
  const stream = await watch.measure('forward', () => streamBefore(first, decoder, job))
  for (let block = first; block <= last; block++) {
    await turn()
    signal?.throwIfAborted()
    await passBlock(decoder, solvers, job, block, stream, watch)
    if (blocks.includes(block)) {
      await turn()
      await job.onFinished?.(block, block < last ? stream : null, watch.seconds)
    }
    job.onProgress?.(block + 1, last + 1)
  }
  return watch.seconds
}

/**
 * Prunes a block, if it is to be pruned, and takes the stream past it. The block's weights can be freed when this
 * returns.
 */
async function passBlock(
  decoder: Decoder,
  solvers: Solvers,
  job: SequentialJob,
  block: number,
  stream: Stream | null,
  watch: PhaseWatch,
): Promise<void> {
  const { blocks, weightsOf, onBlock } = job
  let weights = weightsOf?.(block)
  if (blocks.includes(block)) {
    const inputs = await watch.measure('statistics', () => observe(decoder, job, block, stream))
    await job.onStatistics?.(block, inputs)
    const layers = await watch.measure('solve', () => pruneBlock(decoder, solvers, block, inputs, job))
    await onBlock({ block, layers, meanSquares: inputs.map((input) => input.meanSquares) })
    weights = layers.map(({ weight }) => weight)
  }
  const last = blocks[blocks.length - 1]
  if (stream && block < last) await watch.measure('forward', () => stream.pass(block, weights))
}

/** One entry a distinct input of the block; none if there is no text. */
async function observe(
  decoder: Decoder,
  { pruner, vocabulary }: SequentialJob,
  block: number,
  stream: Stream | null,
): Promise<InputKnowledge[]> {
  if (stream === null) return []
  const observation: Observation = pruner === 'sparsegpt' ? 'gram' : 'squares'
  const onText = await stream.observe(block, observation)
  const known =
    vocabulary === undefined || block !== FIRST_BLOCK ? [] : await observeVocabulary(decoder, vocabulary, observation)
  return onText.map((statistics, input) => {
    const { gram, sumSquares, tokens } = known[input] ?? { ...statistics, tokens: stream.tokens }
    return { meanSquares: Float32Array.from(sumSquares, (sum) => sum / tokens), gram, tokens }
  })
}

/** The stream in front of the first block to be pruned here; null if there is no text. */
async function streamBefore(first: number, decoder: Decoder, { windows, from }: SequentialJob): Promise<Stream | null> {
  if (windows === undefined) return null
  const stream = await Stream.start(decoder, windows)
  if (first > 0) from?.restore(stream)
  return stream
}

/** Lets waiting events in: a wish to stop, or the news that the asking process has ended, which ends this one. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Prunes the layers of a block group by group: layers that read the same input share its statistics. Returns one entry
 * a layer, in order of role.
 */
async function pruneBlock(
  decoder: Decoder,
  solvers: Solvers,
  block: number,
  inputs: readonly InputKnowledge[],
  { pruner, target, windows }: SequentialJob,
): Promise<PrunedLayer[]> {
  const base = decoder.baseWeights(block)
  const form = decoder.forms[block]
  const rolesOf = (input: number) => form.layers.flatMap((layer, role) => (layer.input === input ? [role] : []))
  const groups = form.inputs.map((cols, input): LayerGroup => {
    const { meanSquares = null, gram, tokens = 1 } = inputs[input] ?? {}
    return {
      pruner,
      target,
      cols,
      layers: rolesOf(input).map((role) => ({ weight: base[role], rows: form.layers[role].rows })),
      meanSquares,
      // 2 over the number of windows that the tokens fill
      gram: gram === undefined ? null : { sums: gram, scale: (2 * (windows?.length ?? 1)) / tokens },
    }
  })
  const out: PrunedLayer[] = []
  for (const [input, layers] of (await solvers.prune(groups)).entries()) {
    for (const [k, role] of rolesOf(input).entries()) out[role] = layers[k]
  }
  return out
}

class PhaseWatch {
  readonly seconds: PruneSeconds

  constructor(before: PruneSeconds = { forward: 0, statistics: 0, solve: 0 }) {
    this.seconds = { ...before }
  }

  async measure<T>(phase: keyof PruneSeconds, work: () => Promise<T>): Promise<T> {
    const elapsed = stopwatch()
    try {
      return await work()
    } finally {
      this.seconds[phase] += elapsed()
    }
  }
}
