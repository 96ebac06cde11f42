/**
 * The merges of a peer, one file a block. A block whose contributions are those of the merge before is not computed
 * again. A merge is kept under the key of its manifest until another is taken over.
 */
import { link, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hash } from '../../protocols/round/messages/messages.ts'
import type { ManifestEntry } from '../../protocols/round/messages/value.ts'
import type { MergeResult } from '../../protocols/round/types.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { orUnwritable } from '../../src/base/system-errors.ts'
import type { BlockFit } from '../../src/form/block-fit.ts'
import type { MaskedOpenings } from '../../src/jobs/federation/masked-opening.ts'
import { mergedRoot } from '../../src/merge/roots.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
import { DealerCheatedError } from '../masked/errors.ts'
import { SheetsRefusedError } from '../masked/member-sums.ts'
import type { OpenedBlock } from '../masked/open-sums.ts'
import { Uses } from '../uses.ts'
import type { Work } from '../work/work.ts'
import type { BlobStore } from './store.ts'

/** The number of blocks that are merged at once: two, so that reading one overlaps with computing another. */
const PARALLEL = 2

interface Block {
  /** The roots of the contributions, sorted and joined. */
  key: string
  file: string
  root: Uint8Array
  bits: number
  zeros: number
  doubt: string | null
  fit?: BlockFit
}

/** The contributions to a block, and a key that is the same for the same ones. */
interface Contributed {
  key: string
  job: { files: string[] } | { masked: MaskedOpenings }
}

interface Inputs {
  /** The contributions to a block, by its number. */
  contributed: ReadonlyMap<number, Contributed>
  before: Merge | null
}

/** Finds the contributions to each block that can be merged. */
type Opener = (entries: readonly ManifestEntry[]) => Promise<ReadonlyMap<number, Contributed>>

/** The contributions that are held. */
type Contributions = Pick<BlobStore, 'path' | 'using'>
/** The opener of a masked plan's sums. */
interface Sums {
  open(entries: readonly ManifestEntry[]): Promise<ReadonlyMap<number, OpenedBlock>>
}
type MergeWork = Pick<Work, 'blocks' | 'maskBits' | 'merge'>

/** A masked sum cannot be opened, or cannot be one of honest members: every member finds that. */
export class UnmergeableError extends Error {
  static name = 'UnmergeableError'
  readonly name = 'UnmergeableError'
}

interface Merge extends MergeResult {
  zeros: number
  /** One entry a block with contributions, by its number. */
  blocks: ReadonlyMap<number, Block>
}

export class Merges {
  private readonly directory: string
  private readonly work: MergeWork
  private readonly contributions: Contributions
  private readonly opener: Opener
  private readonly merges = new Map<Hash, Merge>()
  private readonly uses = new Uses(
    (key) => this.merges.has(key),
    (key) => rm(join(this.directory, key), { recursive: true, force: true }),
  )

  private constructor(directory: string, work: MergeWork, contributions: Contributions, sums: Sums | null) {
    this.directory = directory
    this.work = work
    this.contributions = contributions
    this.opener = sums === null ? async (entries) => this.open(entries) : (entries) => masked(sums, entries)
  }

  /** Removes the merges of an earlier run: they may be half-written, and are made again from their contributions. */
  static async open(
    directory: string,
    work: MergeWork,
    contributions: Contributions,
    sums: Sums | null = null,
  ): Promise<Merges> {
    await orUnwritable(directory, rm(directory, { recursive: true, force: true }))
    return new Merges(directory, work, contributions, sums)
  }

  /**
   * Merges these contributions and counts the mask bits that moved since the merge `previous`. Stops between two
   * blocks.
   * @throws {UnmergeableError} a masked sum cannot be one of honest members
   */
  merge(key: Hash, entries: readonly ManifestEntry[], previous: Hash | null, signal: AbortSignal): Promise<Merge> {
    const before = previous === null ? null : this.get(previous)
    const roots = entries.map(({ root }) => root)
    return this.contributions.using(roots, () =>
      this.using(previous === null ? [] : [previous], async () =>
        this.mergeAll(key, { contributed: await this.opener(entries), before }, signal),
      ),
    )
  }

  /** Runs a task that reads the files of these merges: they stay until its end, whatever is retained meanwhile. */
  using<T>(keys: readonly Hash[], task: () => Promise<T>): Promise<T> {
    return this.uses.during(keys, task)
  }

  /** Contributions that are merged as they are. Two members may offer the same bytes: each counts. */
  private open(entries: readonly ManifestEntry[]): Map<number, Contributed> {
    const byBlock = Map.groupBy(entries, ({ block }) => blockOfSlot(block, this.work.blocks))
    return new Map(
      [...byBlock].map(([block, own]) => {
        const roots = own.map(({ root }) => root)
        const files = roots.map((root) => this.contributions.path(root))
        return [block, { key: roots.sort().join(), job: { files } }]
      }),
    )
  }

  private async mergeAll(key: Hash, { before, contributed }: Inputs, signal: AbortSignal): Promise<Merge> {
    const folder = join(this.directory, key)
    await orUnwritable(folder, mkdir(folder, { recursive: true }))
    const blocks = new Map<number, Block>()
    let moved = 0
    const queue = Array.from({ length: this.work.blocks }, (_, block) => block)
    const take = async () => {
      for (let block = queue.shift(); block !== undefined; block = queue.shift()) {
        signal.throwIfAborted()
        const own = contributed.get(block) ?? null
        const result = await this.mergeBlock(block, own, folder, before?.blocks.get(block) ?? null)
        moved += result.moved
        if (result.block !== null) blocks.set(block, result.block)
      }
    }
    const done = await Promise.allSettled(Array.from({ length: PARALLEL }, take))
    for (const result of done) if (result.status === 'rejected') throw result.reason
    const doubt = [...blocks.values()].find((block) => block.doubt !== null)?.doubt ?? null
    const merge = { ...this.summary(blocks), moved, blocks, doubt }
    this.merges.set(key, merge)
    return merge
  }

  get(key: Hash): Merge {
    const merge = this.merges.get(key)
    if (merge === undefined) throw new RangeError(`merge ${key} is not held`)
    return merge
  }

  /** The file of each block of a merge. */
  files(key: Hash): Map<number, string> {
    return filesOf(this.get(key))
  }

  /** The figures of each block of a merge, where they are known. */
  fits(key: Hash): Map<number, BlockFit> {
    return new Map([...this.get(key).blocks].flatMap(([block, { fit }]) => (fit === undefined ? [] : [[block, fit]])))
  }

  /** Forgets all merges but these. */
  async retain(keys: ReadonlySet<Hash>): Promise<void> {
    for (const key of this.merges.keys()) {
      if (keys.has(key)) continue
      this.merges.delete(key)
      await this.uses.drop(key)
    }
  }

  private async mergeBlock(block: number, contributed: Contributed | null, folder: string, before: Block | null) {
    // A block that lost its last contribution, because its author was excluded, has its base weights again.
    if (contributed === null) return { block: null, moved: before?.zeros ?? 0 }
    const { job, key } = contributed
    const file = join(folder, String(block))
    if (before?.key === key) {
      await rm(file, { force: true })
      await orUnwritable(file, link(before.file, file))
      return { block: { ...before, file }, moved: 0 }
    }
    const report = await this.work.merge({ block, ...job, out: file, previous: before?.file ?? null })
    if ('impossible' in report) throw new UnmergeableError(report.impossible)
    return { block: { key, file, ...report }, moved: report.moved }
  }

  private summary(blocks: ReadonlyMap<number, Block>): { root: Hash; bits: number; zeros: number } {
    const all = Array.from({ length: this.work.blocks }, (_, block) => blocks.get(block) ?? null)
    return {
      root: toHex(mergedRoot(all.map((block) => block?.root ?? null))),
      bits: all.reduce((sum, block, index) => sum + (block?.bits ?? this.work.maskBits(index)), 0),
      zeros: all.reduce((sum, block) => sum + (block?.zeros ?? 0), 0),
    }
  }
}

/** The file of each block of a merge. */
export function filesOf({ blocks }: Merge): Map<number, string> {
  return new Map([...blocks].map(([block, { file }]) => [block, file]))
}

/** @throws {UnmergeableError} */
async function masked(sums: Sums, entries: readonly ManifestEntry[]): Promise<ReadonlyMap<number, Contributed>> {
  try {
    const opened = await sums.open(entries)
    return new Map([...opened].map(([block, { key, masked }]) => [block, { key, job: { masked } }]))
  } catch (error) {
    if (error instanceof DealerCheatedError || error instanceof SheetsRefusedError)
      throw new UnmergeableError(error.message)
    throw error
  }
}
