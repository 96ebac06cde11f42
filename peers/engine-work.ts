/** What a site computes for its federation, done by the engine on the site's own model directory and text. */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../src/engine/engine.ts'
import type { BlockFile, TokenWindows } from '../src/engine/jobs.ts'
import type { PrunerName, SparsityTarget } from '../src/merge/form.ts'

export interface EngineWorkInit {
  engine: Engine
  /** The base model's directory. */
  model: string
  blocks: number
  pruner: PrunerName
  target: SparsityTarget
  /** The site's calibration windows. */
  windows: TokenWindows
  /** Scratch space of this site alone. */
  scratch: string
  /** Told what writing the model measured: largest difference of logits over the largest logit. */
  onWritten?: (difference: number) => void
}

export interface PruneJob {
  blocks: number[]
  merged: ReadonlyMap<number, string>
  signal: AbortSignal
  onBlock(block: number, bytes: Uint8Array): Promise<void>
  onProgress?(done: number, total: number): void
}

export interface MergeJob {
  block: number
  files: string[]
  out: string
  previous: string | null
}

/** Tokens of the window on which a written model is checked. */
const CHECK_TOKENS = 64

export class EngineWork {
  readonly blocks: number
  private readonly init: EngineWorkInit

  constructor(init: EngineWorkInit) {
    this.blocks = init.blocks
    this.init = init
  }

  async prune({ blocks, merged, signal, onBlock, onProgress }: PruneJob): Promise<void> {
    const { engine, model, pruner, target, windows, scratch } = this.init
    await mkdir(scratch, { recursive: true })
    // Blocks are handed over in order, each read back and removed before the next.
    let handedOver: Promise<void> = Promise.resolve()
    const handOver = async (block: number, path: string) => {
      await onBlock(block, await readFile(path))
      await rm(path)
    }
    await engine.run(
      'prune',
      { dir: model, pruner, target, blocks, windows, weights: mergedFiles(merged), out: scratch, as: 'contribution' },
      {
        signal,
        onEvent(event) {
          if (event.type === 'progress') onProgress?.(event.done, event.total)
          else {
            handedOver = handedOver.then(() => handOver(event.report.block, event.report.path))
            handedOver.catch(() => undefined) // reported by the await below
          }
        },
      },
    )
    await handedOver
  }

  validate(block: number, file: string): Promise<string | null> {
    const { engine, model, pruner, target } = this.init
    return engine.run('validate', { dir: model, pruner, target, block, path: file })
  }

  merge({
    block,
    files,
    out,
    previous,
  }: MergeJob): Promise<{ root: Uint8Array; moved: number; bits: number; zeros: number }> {
    const { engine, model, pruner, target } = this.init
    return engine.run('merge', { dir: model, pruner, target, block, paths: files, out, previous })
  }

  async writeModel(merged: ReadonlyMap<number, string>, out: string): Promise<void> {
    const { engine, model, windows, onWritten } = this.init
    const check = windows.ids.slice(0, Math.min(windows.length, CHECK_TOKENS))
    const { difference } = await engine.run('write', { dir: model, weights: mergedFiles(merged), out, check })
    onWritten?.(difference)
  }
}

/** Merged blocks as the engine takes them. */
export function mergedFiles(merged: ReadonlyMap<number, string>): BlockFile[] {
  return [...merged].map(([block, path]) => ({ block, kind: 'merged', path }))
}

/** Where a site's scratch files go within its data directory. */
export function scratchDir(data: string): string {
  return join(data, 'scratch')
}
