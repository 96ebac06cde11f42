/**
 * Prunes a decoder block by block on one site's text. Each block is observed with its base weights, pruned, and passed
 * with its pruned weights, so that later blocks are fitted to inputs as they will be. Source: SparseGPT (Frantar,
 * Alistarh 2023), section 3; blocks that are not to be pruned pass as they are given (FedSpaLLM's layer sampling).
 */
import type { LinearAlgebra } from '../engine/linear-algebra.ts'
import type { BlockForm, PrunerName, SparsityTarget } from '../merge/form.ts'
import type { BlockWeights, Decoder } from '../model/decoder.ts'
import { Stream, type Windows } from '../model/stream.ts'
import type { InputStatistics } from '../model/totals.ts'
import { magnitudeMask } from './magnitude.ts'
import { type Factor, factorise, sparsegptMany } from './sparsegpt.ts'
import { wandaMask } from './wanda.ts'

export interface PrunedLayer {
  /** Row-major [rows, cols], exact zeros where the mask has 0. */
  weight: Float32Array
  /** Bitmap, 1 = kept. */
  mask: Uint8Array
  /** SparseGPT's damping as a share of the mean diagonal of the Hessian; null for other pruners. */
  damping: number | null
}

export interface PrunedBlock {
  block: number
  layers: PrunedLayer[]
  /** By distinct input: mean over tokens of x_j^2, float32; empty where nothing was observed. */
  meanSquares: Float32Array[]
}

export interface SequentialJob {
  pruner: PrunerName
  target: SparsityTarget
  /** The blocks to prune, ascending. */
  blocks: readonly number[]
  /** Calibration windows; undefined for magnitude without statistics. */
  windows: Windows | undefined
  /** What flows through a block that is not pruned here; undefined: the base. */
  weightsOf?: (block: number) => BlockWeights | undefined
  onBlock: (pruned: PrunedBlock) => void | Promise<void>
  onProgress?: (done: number, total: number) => void
  signal?: AbortSignal
}

/** Seconds of the phases of a prune. */
export interface PruneSeconds {
  forward: number
  statistics: number
  solve: number
}

/** Blocks behind the last one to prune are not computed: nobody reads their output. */
export async function pruneSequential(
  decoder: Decoder,
  linear: LinearAlgebra,
  job: SequentialJob,
): Promise<PruneSeconds> {
  const { windows, blocks, signal } = job
  const wanted = new Set(blocks)
  const last = blocks.at(-1) ?? -1
  const watch = new PhaseWatch()
  const stream = windows && (await watch.measure('forward', () => Stream.start(decoder, windows)))
  for (let block = 0; block <= last; block++) {
    signal?.throwIfAborted()
    let weights = job.weightsOf?.(block)
    if (wanted.has(block)) {
      const observation = job.pruner === 'sparsegpt' ? 'gram' : 'squares'
      const statistics = stream && (await watch.measure('statistics', () => stream.observe(block, observation, signal)))
      const layers = await watch.measure('solve', () => pruneBlock(decoder, linear, block, statistics, job))
      const tokens = stream?.tokens ?? 1
      await job.onBlock({ block, layers, meanSquares: statistics?.map((input) => meanSquares(input, tokens)) ?? [] })
      weights = layers.map(({ weight }) => weight)
    }
    if (stream && block < last) await watch.measure('forward', () => stream.pass(block, weights, signal))
    job.onProgress?.(block + 1, last + 1)
  }
  return watch.seconds
}

async function pruneBlock(
  decoder: Decoder,
  linear: LinearAlgebra,
  block: number,
  statistics: InputStatistics[] | undefined,
  { pruner, target, windows }: SequentialJob,
): Promise<PrunedLayer[]> {
  const base = decoder.baseWeights(block)
  const form = decoder.forms[block]
  if (pruner === 'sparsegpt') return solveBlock(form, base, statistics ?? [], windows?.count ?? 1, target, linear)
  return form.layers.map(({ rows, cols, input }, role) => {
    const mask =
      pruner === 'wanda'
        ? wandaMask(
            base[role],
            rows,
            cols,
            meanSquares((statistics ?? [])[input], windows ? windows.count * windows.length : 1),
            target,
          )
        : magnitudeMask(base[role], rows, cols, target)
    return { weight: masked(base[role], mask), mask, damping: null }
  })
}

/** Layers that read the same input share its Hessian, H = (2 / sequences) X^T X. */
async function solveBlock(
  form: BlockForm,
  base: Float32Array[],
  statistics: InputStatistics[],
  sequences: number,
  target: SparsityTarget,
  linear: LinearAlgebra,
): Promise<PrunedLayer[]> {
  const out: PrunedLayer[] = []
  for (const [input, cols] of form.inputs.entries()) {
    const gram = statistics[input].gram
    if (gram === undefined) throw new Error('SparseGPT needs Gram matrices')
    const factor: Factor = await factorise(gram, cols, 2 / sequences, linear)
    const roles = form.layers.flatMap((layer, role) => (layer.input === input ? [role] : []))
    const stack = roles.map((role) => ({ weight: base[role], rows: form.layers[role].rows }))
    const solved = await sparsegptMany(stack, cols, factor, target, linear)
    for (const [k, role] of roles.entries()) out[role] = { ...solved[k], damping: factor.damping }
  }
  return out
}

/** x = fround(sum of squares / tokens). */
function meanSquares({ sumSquares }: InputStatistics, tokens: number): Float32Array {
  return Float32Array.from(sumSquares, (sum) => sum / tokens)
}

/** The weights with +0 where the mask has 0; the argument is changed. */
function masked(weight: Float32Array, mask: Uint8Array): Float32Array {
  for (let i = 0; i < weight.length; i++) if (((mask[i >> 3] >> (i & 7)) & 1) === 0) weight[i] = 0
  return weight
}

class PhaseWatch {
  readonly seconds: PruneSeconds = { forward: 0, statistics: 0, solve: 0 }

  async measure<T>(phase: keyof PruneSeconds, work: () => Promise<T>): Promise<T> {
    const start = process.hrtime.bigint()
    try {
      return await work()
    } finally {
      this.seconds[phase] += Number(process.hrtime.bigint() - start) / 1e9
    }
  }
}
