/** The computations of a site for its federation. The engine does them on the site's own model directory and text. */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { doneInWords } from '../../protocols/plan/method-words.ts'
import { InputError } from '../../src/base/errors.ts'
import { orUnwritable } from '../../src/base/system-errors.ts'
import type { JobOptions } from '../../src/engine/lane.ts'
import { textFingerprint } from '../../src/files/fingerprint.ts'
import type { OwnFit } from '../../src/form/block-fit.ts'
import { ALONE, poolsMoments } from '../../src/form/merging.ts'
import { isStructuredMethod, type Method } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import { type BlockFile, contributionPath, ownBlockPath, productsPath } from '../../src/jobs/block-files.ts'
import type { StructuredForms } from '../../src/jobs/federation/structured-forms.ts'
import type { JobEvent } from '../../src/jobs/job.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import { type WrittenModel, writeChecked } from '../../src/jobs/plain-runs.ts'
import type { StreamKey } from '../../src/merge/masked/streams.ts'
import { blockOfSlot, isSecondSlot } from '../../src/merge/slots.ts'
import { CommonWork, type CommonWorkInit } from './common-work.ts'
import { contributionBytesOf } from './contribution-bytes.ts'
import {
  type ImpossibleTotal,
  type MergedBlockReport,
  type MergeJob,
  PeerStoppedError,
  type PruneJob,
  type Work,
} from './work.ts'

export interface EngineWorkInit extends CommonWorkInit {
  description: ModelDescription
  structured: StructuredForms | null
  /** The site's calibration windows. */
  windows: Windows
  /** Scratch space of this site alone. */
  scratch: string
  /**
   * The hash of the base model: a later run with the same scratch space then goes on where a round's pruning was
   * interrupted. null: nothing of it is kept.
   */
  modelHash: Uint8Array | null
  /** This site is stopped, and finishes the block that it is at. */
  onDrain?: () => void
}

/** Stands for the model's where nothing outlasts the process: scratch space is this federation's alone then. */
const NO_HASH = new Uint8Array(32)
/** Tokens of the window on which a written model is checked. */
const CHECK_TOKENS = 64
/**
 * Tokens of the site's own text on which a merge is compared with the site's blocks alone. Both see the same ones, so
 * that few are enough, and a vote waits for them.
 */
const HARM_TOKENS = 2048

export class EngineWork extends CommonWork implements Work {
  readonly description: ModelDescription
  readonly method: Method
  /** The measurements of the written model; undefined before it is written. */
  written: WrittenModel | undefined
  /** Block -> figures of this site's own pruning, the last one. */
  readonly ownFits = new Map<number, OwnFit>()
  private readonly init: EngineWorkInit

  constructor(init: EngineWorkInit) {
    super(init)
    this.init = init
    this.description = init.description
    this.method = init.method
  }

  get textFingerprint(): string {
    return textFingerprint(this.init.windows)
  }

  maxContributionBytes(slot: number): number {
    return contributionBytesOf(this.init, slot).most
  }

  async prune({ slots, merged, signal, onBlock, onProgress }: PruneJob): Promise<void> {
    const { merging, scratch, modelHash, onDrain } = this.init
    await orUnwritable(scratch, mkdir(scratch, { recursive: true }))
    // Blocks are handed over in order. The checkpoint keeps its own name of each until the next round.
    let handedOver: Promise<void> = Promise.resolve()
    const handOver = async (slot: number, path: string) => {
      await onBlock(slot, path)
      // Files that are to be masked are read again, and mean squares are compared with the totals that they are in.
      const isReadAgain = merging.masked || (merging.rule === 'pooled' && slot < this.blocks)
      if (modelHash === null && !isReadAgain) await rm(path)
    }
    // Where one cannot be handed over (a disk that is full), the rest need not be pruned.
    const stop = new AbortController()
    const drain = new AbortController()
    const onAbort = () => {
      const drains = modelHash !== null && signal.reason instanceof PeerStoppedError
      if (drains) onDrain?.()
      const ending = drains ? drain : stop
      ending.abort(signal.reason)
    }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const onEvent = (event: JobEvent) => {
      if (event.type === 'progress') return onProgress?.(event.done, event.total)
      if (event.type !== 'block') return
      const { block, damping, error } = event.report
      if (error.length > 0) this.ownFits.set(block, { damping, error })
      handedOver = handedOver.then(() => handOver(event.report.block, event.report.path))
      handedOver.catch((error) => stop.abort(error))
    }
    try {
      await this.compute(slots, merged, { signal: stop.signal, drain: drain.signal, onEvent })
      if (merging.masked && !poolsMoments(this.method, merging)) await this.pruneAlone(slots)
    } finally {
      signal.removeEventListener('abort', onAbort)
      await handedOver // also where pruning was stopped: nothing is written afterwards
    }
  }

  private async compute(
    slots: number[],
    merged: ReadonlyMap<number, string>,
    options: JobOptions<JobEvent>,
  ): Promise<void> {
    const { engine, model: dir, method, rounds, windows, scratch: out, modelHash } = this.init
    const weights = mergedFiles(merged, method)
    if (isStructuredMethod(method)) {
      const { target } = method
      const job = { dir, target, rounds, slots, windows, weights, out, modelHash: modelHash ?? NO_HASH }
      await engine.run('contribute', job, options)
    } else if (poolsMoments(method, this.init.merging) && slots[0] >= this.blocks) {
      await this.offerProducts(slots, merged, options)
    } else {
      const resume = modelHash && ({ modelHash, other: 'replace' } as const)
      const as = poolsMoments(method, this.init.merging) ? ('moments' as const) : ('contribution' as const)
      const job = { dir, ...method, blocks: slots, windows, weights, out, as, resume }
      await engine.run('prune', job, options)
    }
  }

  /** A site whose moments are lost measures them again; the blocks before are those of that round. */
  private async offerProducts(
    slots: number[],
    merged: ReadonlyMap<number, string>,
    options: JobOptions<JobEvent>,
  ): Promise<void> {
    const { engine, model: dir, merging, scratch: out } = this.init
    const totals = slots.flatMap((slot) => {
      const block = blockOfSlot(slot, this.blocks)
      const path = merged.get(block)
      return path === undefined ? [] : [{ block, path }]
    })
    const job = { dir, totals, members: merging.members, out }
    if (await engine.run('products', job, options)) return
    const blocks = totals.map(({ block }) => block)
    await this.compute(blocks, merged, { ...options, onEvent: undefined })
    await engine.run('products', job, options)
  }

  /** Prunes blocks as this site alone would: its contributions are masked, so no merge of them tells. */
  private async pruneAlone(slots: readonly number[]): Promise<void> {
    const { engine, model: dir, method, scratch } = this.init
    for (const slot of slots) {
      const block = blockOfSlot(slot, this.blocks)
      const paths = [...new Set([block, slot])].flatMap((own) => this.own(own) ?? [])
      const out = ownBlockPath(scratch, block)
      await engine.run('merge', { dir, method, merging: ALONE, block, paths, out, previous: null })
    }
  }

  override merge(job: MergeJob): Promise<MergedBlockReport | ImpossibleTotal> {
    const isPooled = this.init.merging.rule === 'pooled' && 'files' in job
    return super.merge(isPooled ? { ...job, own: this.own(job.block) } : job)
  }

  own(slot: number): string | null {
    const { merging, method, scratch } = this.init
    const isProducts = poolsMoments(method, merging) && isSecondSlot(slot, this.blocks)
    const path = isProducts ? productsPath(scratch, blockOfSlot(slot, this.blocks)) : contributionPath(scratch, slot)
    return existsSync(path) ? path : null
  }

  alone(slots: readonly number[]): ReadonlyMap<number, string> | null {
    const { merging, method, scratch } = this.init
    if (!merging.masked && !poolsMoments(method, merging)) return null
    const blocks = slots.map((slot) => blockOfSlot(slot, this.blocks))
    const files = blocks.map((block) => [block, ownBlockPath(scratch, block)] as const)
    return new Map(files.filter(([, path]) => existsSync(path)))
  }

  mask(slot: number, file: string, streams: StreamKey[], out: string): Promise<number> {
    const { engine, model: dir, merging, method } = this.init
    return engine.run('mask', { dir, method, merging, slot, path: file, streams, out })
  }

  async perplexity(merged: ReadonlyMap<number, string>, signal: AbortSignal): Promise<number> {
    const { engine, model: dir, method, windows } = this.init
    const { count } = harmWindows(windows)
    const some = { ...windows, ids: windows.ids.slice(0, count * windows.length), count }
    try {
      const weights = mergedFiles(merged, method)
      const measured = await engine.run('evaluate', { dir, weights, windows: some }, { signal })
      return measured.perplexity
    } catch (error) {
      if (error instanceof InputError && error.code === 'LOGITS_NOT_FINITE') return Number.POSITIVE_INFINITY
      throw error
    }
  }

  async writeModel(merged: ReadonlyMap<number, string>, out: string, signal: AbortSignal): Promise<void> {
    const { engine, model, method, windows } = this.init
    const check = windows.ids.slice(0, Math.min(windows.length, CHECK_TOKENS))
    const weights = mergedFiles(merged, method)
    const done = `${doneInWords(method)} Several sites did so together, and each has a certificate of it.`
    this.written = await writeChecked(engine, { dir: model, weights, out, check, done }, { signal })
  }
}

/** The calibration windows on which a site measures the harm of a merge. */
export function harmWindows({ count, length }: Pick<Windows, 'count' | 'length'>): Pick<Windows, 'count' | 'length'> {
  return { count: Math.min(count, Math.max(1, Math.floor(HARM_TOKENS / length))), length }
}

/** Merged blocks as the engine takes them. */
export function mergedFiles(merged: ReadonlyMap<number, string>, method: Method): BlockFile[] {
  return [...merged].map(([block, path]) => ({ block, kind: mergedKind(method), path }))
}

export function mergedKind(method: Method): 'merged' | 'structured' {
  return isStructuredMethod(method) ? 'structured' : 'merged'
}
