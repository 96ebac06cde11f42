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
import { mergedRoot } from '../../src/merge/roots.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
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
}

/** The contributions of a merge, and the path of each by its root. */
interface Contributed {
  entries: readonly ManifestEntry[]
  files: ReadonlyMap<Hash, string>
}

interface Inputs extends Contributed {
  before: Merge | null
}

/** The contributions that are held. */
type Contributions = Pick<BlobStore, 'path' | 'using'>

interface Merge extends MergeResult {
  zeros: number
  /** One entry a block with contributions, by its number. */
  blocks: ReadonlyMap<number, Block>
}

export class Merges {
  private readonly directory: string
  private readonly work: Work
  private readonly contributions: Contributions
  private readonly merges = new Map<Hash, Merge>()
  private readonly uses = new Uses(
    (key) => this.merges.has(key),
    (key) => rm(join(this.directory, key), { recursive: true, force: true }),
  )

  private constructor(directory: string, work: Work, contributions: Contributions) {
    this.directory = directory
    this.work = work
    this.contributions = contributions
  }

  /** Removes the merges of an earlier run: they may be half-written, and are made again from their contributions. */
  static async open(directory: string, work: Work, contributions: Contributions): Promise<Merges> {
    await orUnwritable(directory, rm(directory, { recursive: true, force: true }))
    return new Merges(directory, work, contributions)
  }

  /**
   * Merges these contributions and counts the mask bits that moved since the merge `previous`. Stops between two
   * blocks.
   */
  merge(key: Hash, entries: readonly ManifestEntry[], previous: Hash | null, signal: AbortSignal): Promise<Merge> {
    const before = previous === null ? null : this.get(previous)
    const files = new Map(entries.map(({ root }) => [root, this.contributions.path(root)]))
    return this.contributions.using([...files.keys()], () =>
      this.using(previous === null ? [] : [previous], () => this.mergeAll(key, { entries, files, before }, signal)),
    )
  }

  /** Runs a task that reads the files of these merges: they stay until its end, whatever is retained meanwhile. */
  using<T>(keys: readonly Hash[], task: () => Promise<T>): Promise<T> {
    return this.uses.during(keys, task)
  }

  private async mergeAll(key: Hash, { before, ...inputs }: Inputs, signal: AbortSignal): Promise<Merge> {
    const folder = join(this.directory, key)
    await orUnwritable(folder, mkdir(folder, { recursive: true }))
    const blocks = new Map<number, Block>()
    let moved = 0
    const queue = Array.from({ length: this.work.blocks }, (_, block) => block)
    const take = async () => {
      for (let block = queue.shift(); block !== undefined; block = queue.shift()) {
        signal.throwIfAborted()
        const result = await this.mergeBlock(block, inputs, folder, before?.blocks.get(block) ?? null)
        moved += result.moved
        if (result.block !== null) blocks.set(block, result.block)
      }
    }
    const done = await Promise.allSettled(Array.from({ length: PARALLEL }, take))
    for (const result of done) if (result.status === 'rejected') throw result.reason
    const merge = { ...this.summary(blocks), moved, blocks, doubt: null }
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

  /** Forgets all merges but these. */
  async retain(keys: ReadonlySet<Hash>): Promise<void> {
    for (const key of this.merges.keys()) {
      if (keys.has(key)) continue
      this.merges.delete(key)
      await this.uses.drop(key)
    }
  }

  private async mergeBlock(block: number, { entries, files }: Contributed, folder: string, before: Block | null) {
    const isOfBlock = (entry: ManifestEntry) => blockOfSlot(entry.block, this.work.blocks) === block
    const roots = entries.filter(isOfBlock).map(({ root }) => root)
    // A block that lost its last contribution, because its author was excluded, has its base weights again.
    if (roots.length === 0) return { block: null, moved: before?.zeros ?? 0 }
    const key = [...roots].sort().join()
    const file = join(folder, String(block))
    if (before?.key === key) {
      await rm(file, { force: true })
      await orUnwritable(file, link(before.file, file))
      return { block: { ...before, file }, moved: 0 }
    }
    const paths = roots.flatMap((root) => files.get(root) ?? [])
    const report = await this.work.merge({ block, files: paths, out: file, previous: before?.file ?? null })
    if ('impossible' in report) throw new Error(report.impossible)
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
