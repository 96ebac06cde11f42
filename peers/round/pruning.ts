/** Prunes this peer's own blocks in a round. Each contribution goes to the store, and their list follows. */
import { type CommitEntry, encodeCommitList } from '../../protocols/round/messages/value.ts'
import type { EffectOf, RoundEvent } from '../../protocols/round/types.ts'
import type { BlobStore } from '../disk/store.ts'
import type { Work } from '../work/work.ts'

export interface PruningComponents {
  store: BlobStore
  work: Work
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

  /**
   * @param merged - the files of the last merge, by block
   * @returns null if the pruning was cancelled
   */
  async prune(
    { round, blocks }: EffectOf<'prune'>,
    merged: ReadonlyMap<number, string>,
    onProgress: (done: number, total: number) => void,
  ): Promise<RoundEvent | null> {
    const { store, work } = this.components
    const stop = new AbortController()
    this.running = stop
    this.stored.clear()
    const list: CommitEntry[] = []
    try {
      await work.prune({
        slots: [...blocks].sort((a, b) => a - b),
        merged,
        signal: stop.signal,
        onBlock: async (block, file) => void list.push({ block, ...(await this.keep(file)) }),
        onProgress,
      })
    } catch (error) {
      if (stop.signal.aborted) return null
      throw error
    }
    list.sort((a, b) => a.block - b.block)
    const root = await store.put(encodeCommitList(list))
    this.stored.add(root)
    return { type: 'pruned', round, root, list }
  }

  callOff(reason: unknown): void {
    this.running?.abort(reason)
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
