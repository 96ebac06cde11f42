/**
 * Makes this peer's own contributions of a round: prunes its blocks, and masks what a masked plan sums; or makes its
 * key, its sheet or its reveal. Each contribution goes to the store, and their list follows.
 */
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { openingOf } from '../../protocols/round/masked/phases.ts'
import { type CommitEntry, encodeCommitList, type ManifestEntry } from '../../protocols/round/messages/value.ts'
import type { EffectOf, RoundEvent } from '../../protocols/round/types.ts'
import type { BlobStore } from '../disk/store.ts'
import type { MemberSums } from '../masked/member-sums.ts'
import type { Work } from '../work/work.ts'

export interface PruningComponents {
  store: BlobStore
  work: Work
  /** null: the plan is open. */
  sums: MemberSums | null
}

/** The state on which a round builds. */
interface Before {
  /** The files of the last merge, by block. */
  merged: ReadonlyMap<number, string>
  /** The entries of the last certificate. */
  entries: readonly ManifestEntry[]
}

/** A contribution before it is masked. */
interface Plain {
  slot: number
  file: string
}

export class Pruning {
  private readonly components: PruningComponents
  private running: AbortController | null = null
  private readonly stored = new Set<string>()
  /** The number of bytes of the contributions that this peer has made. */
  payloadBytes = 0

  constructor(components: PruningComponents) {
    this.components = components
  }

  /** Blobs of the current or latest pruning: stored, and perhaps not yet in any commit. */
  get fresh(): ReadonlySet<string> {
    return this.stored
  }

  /** @returns null if the pruning was cancelled */
  async prune(
    { round, blocks }: EffectOf<'prune'>,
    { merged, entries }: Before,
    onProgress: (done: number, total: number) => void,
  ): Promise<RoundEvent | null> {
    const { sums, work } = this.components
    const stop = new AbortController()
    this.running = stop
    this.stored.clear()
    const list: CommitEntry[] = []
    const plain: Plain[] = []
    try {
      await work.prune({
        slots: [...blocks].sort((a, b) => a - b),
        merged,
        signal: stop.signal,
        onBlock: async (slot, file) => {
          if (sums === null) list.push({ block: slot, ...(await this.keep(file)) })
          else plain.push({ slot, file })
        },
        onProgress,
      })
      if (sums !== null && !(await this.mask(sums, openingOf(round), plain, entries, list, stop.signal)))
        return { type: 'withheld', round }
    } catch (error) {
      if (stop.signal.aborted) return null
      throw error
    }
    return this.commit(round, list)
  }

  /** Makes this member's key, sheet or reveal. */
  async offer({ round, blocks: [slot] }: EffectOf<'prune'>, entries: readonly ManifestEntry[]): Promise<RoundEvent> {
    const { store, sums } = this.components
    if (sums === null) throw new RangeError('an open plan has no keys, sheets or reveals')
    this.stored.clear()
    const bytes = await sums.make(round, entries)
    const root = await store.put(bytes)
    this.stored.add(root)
    return this.commit(round, [{ block: slot, root, bytes: bytes.byteLength }])
  }

  callOff(reason: unknown): void {
    this.running?.abort(reason)
  }

  /**
   * Masks contributions. Nothing is masked twice with the same streams unless it has the same bytes: two masked vectors
   * would show the difference of their contents.
   * @returns false: these bytes are others than those that were masked before, so nothing may be offered
   */
  private async mask(
    sums: MemberSums,
    opening: number,
    plain: readonly Plain[],
    entries: readonly ManifestEntry[],
    list: CommitEntry[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { work } = this.components
    if (!(await sums.mayMask(opening, await fingerprintOf(plain)))) return false
    const streams = await sums.maskingStreams(opening, entries)
    for (const { slot, file } of plain) {
      signal.throwIfAborted()
      const out = sums.unfinished(slot)
      await work.mask(slot, file, streams, out)
      list.push({ block: slot, ...(await this.keep(out)) })
      await rm(out)
    }
    return true
  }

  private async commit(round: number, list: CommitEntry[]): Promise<RoundEvent> {
    list.sort((a, b) => a.block - b.block)
    const root = await this.components.store.put(encodeCommitList(list))
    this.stored.add(root)
    return { type: 'pruned', round, root, list }
  }

  private async keep(file: string): Promise<{ root: string; bytes: number }> {
    const { store } = this.components
    const root = await store.adopt(file)
    const bytes = store.byteLength(root)
    this.stored.add(root)
    this.payloadBytes += bytes
    return { root, bytes }
  }
}

/** SHA-256 of contributions, each with its slot, in 64 hexadecimal digits. */
async function fingerprintOf(plain: readonly Plain[]): Promise<string> {
  const all = createHash('sha256')
  for (const { slot, file } of plain.toSorted((a, b) => a.slot - b.slot)) {
    all.update(
      `${slot} ${createHash('sha256')
        .update(await readFile(file))
        .digest('hex')}\n`,
    )
  }
  return all.digest('hex')
}
