/**
 * A model of random matrices and its Work: small, deterministic, no ONNX. The pruner, the validation and the merge are
 * the real ones; a site's text is a seed that its statistics come from.
 */
import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MergedBlockReport, MergeJob, PruneJob, Work } from '../../peers/work/work.ts'
import type { BlockForm, LayerForm, LayerWeights } from '../../src/form/block-form.ts'
import { countZeros } from '../../src/form/mask.ts'
import type { SparsityTarget } from '../../src/form/method.ts'
import {
  type BlockContribution,
  contributionBytes,
  decodeContribution,
  encodeContribution,
} from '../../src/merge/masks/contribution.ts'
import { mergeBlock } from '../../src/merge/masks/l0.ts'
import { decodeMergedBlock, encodeMergedBlock, maskChange } from '../../src/merge/masks/merged-block.ts'
import { InvalidContributionError, validateContribution } from '../../src/merge/masks/validate.ts'
import { blockRoot } from '../../src/merge/roots.ts'

export const FORM: BlockForm = {
  inputs: [24, 16],
  layers: [
    { rows: 16, cols: 24, input: 0 },
    { rows: 24, cols: 16, input: 1 },
  ],
}
export const TARGET: SparsityTarget = { kind: 'unstructured', ppm: 500_000 }

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function baseOf(block: number): LayerWeights[] {
  const random = randomOf(1000 + block)
  return FORM.layers.map(({ rows, cols }) => Float32Array.from({ length: rows * cols }, () => random() - 0.5))
}

function lostShare(
  { cols, input }: LayerForm,
  mask: Uint8Array,
  weights: LayerWeights,
  inputs: Float32Array[],
): number {
  let [all, lost] = [0, 0]
  for (const [i, w] of weights.entries()) {
    const square = w * w * inputs[input][i % cols]
    all += square
    if (((mask[i >> 3] >> (i & 7)) & 1) === 0) lost += square
  }
  return lost / all
}

/** All but what becomes of several contributions. */
export abstract class Matrices {
  readonly blocks: number
  readonly textFingerprint: string
  private readonly text: number
  /** Blocks that were pruned, in order. */
  readonly pruned: number[] = []
  readonly written: string[] = []

  constructor(blocks: number, text: number) {
    this.blocks = blocks
    this.text = text
    this.textFingerprint = text.toString(16).padStart(64, '0')
  }

  maskBits(): number {
    return FORM.layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  }

  maxContributionBytes(): number {
    return contributionBytes(FORM, 'statistics').most
  }

  async prune({ slots, signal, onBlock, onProgress }: PruneJob): Promise<void> {
    await using scratch = await mkdtempDisposable(join(tmpdir(), 'coppice-test-'))
    for (const [done, block] of slots.entries()) {
      signal.throwIfAborted()
      const inputs = this.statisticsOf(block)
      const file = join(scratch.path, String(block))
      await writeFile(file, encodeContribution(FORM, { inputs }))
      await onBlock(block, file)
      this.pruned.push(block)
      onProgress?.(done + 1, slots.length)
    }
  }

  /** The statistics of its text in a block: what it contributes. */
  protected statisticsOf(block: number): Float32Array[] {
    const random = randomOf(this.text * 7919 + block)
    return FORM.inputs.map((cols) => Float32Array.from({ length: cols }, () => Math.fround(random())))
  }

  /** exp of the mean share of squared activations that the masks take away, of this site's own statistics. */
  async perplexity(merged: ReadonlyMap<number, string>): Promise<number> {
    let sum = 0
    for (const [block, file] of merged) {
      const { layers } = decodeMergedBlock(FORM, await readFile(file))
      const inputs = this.statisticsOf(block)
      const base = baseOf(block)
      for (const [role, { mask }] of layers.entries()) sum += lostShare(FORM.layers[role], mask, base[role], inputs)
    }
    return Math.exp(sum / Math.max(1, merged.size * FORM.layers.length))
  }

  alone(_slots: readonly number[]): ReadonlyMap<number, string> | null {
    return null
  }

  own(_slot: number): string | null {
    return null
  }

  async validate(block: number, file: string): Promise<string | null> {
    try {
      const contribution = decodeContribution(FORM, 'statistics', await readFile(file))
      validateContribution(
        { form: FORM, method: { pruner: 'wanda', target: TARGET }, base: baseOf(block) },
        'statistics',
        contribution,
      )
      return null
    } catch (error) {
      if (error instanceof InvalidContributionError) return error.message
      throw error
    }
  }

  /** Merges statistics, and writes the block. */
  protected async mergeOf(
    { block, out, previous }: Pick<MergeJob, 'block' | 'out' | 'previous'>,
    contributions: BlockContribution[],
  ): Promise<MergedBlockReport> {
    const merged = mergeBlock(
      { form: FORM, method: { pruner: 'wanda', target: TARGET }, base: baseOf(block) },
      contributions,
    )
    const before = previous === null ? null : decodeMergedBlock(FORM, await readFile(previous))
    const bytes = encodeMergedBlock(FORM, merged)
    await writeFile(out, bytes)
    const zeros = merged.layers.reduce((sum, { mask }, role) => {
      return sum + countZeros(mask, FORM.layers[role].rows * FORM.layers[role].cols)
    }, 0)
    return { root: blockRoot(bytes), ...maskChange(FORM, before, merged), zeros, doubt: null }
  }

  async writeModel(merged: ReadonlyMap<number, string>, out: string, _signal: AbortSignal): Promise<void> {
    await mkdir(out)
    for (const [block, file] of merged) await writeFile(join(out, String(block)), await readFile(file))
    this.written.push(out)
  }
}

export class MatrixWork extends Matrices implements Work {
  async merge(job: MergeJob): Promise<MergedBlockReport> {
    if ('masked' in job) throw new Error('this work masks nothing')
    const { files } = job
    const read = files.map(async (file) => decodeContribution(FORM, 'statistics', await readFile(file)))
    return this.mergeOf(job, await Promise.all(read))
  }

  async mask(): Promise<number> {
    throw new Error('this work masks nothing')
  }
}
