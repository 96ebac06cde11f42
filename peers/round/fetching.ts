/**
 * Fetches the blobs that the round needs. Each has at most the bytes that its name allows, is read or checked, and is
 * reported by an event.
 */
import type { BlobClient } from '../../protocols/blob/client.ts'
import { BlobTooLargeError } from '../../protocols/blob/errors.ts'
import { MAX_COMMIT_LIST_BYTES } from '../../protocols/round/messages/constants.ts'
import {
  type CommitList,
  decodeCommitList,
  decodeValue,
  type Federation,
  maxValueBytes,
} from '../../protocols/round/messages/value.ts'
import type { EffectOf, RoundEvent } from '../../protocols/round/types.ts'
import { MalformedMessageError } from '../../protocols/wire/encoding.ts'
import type { ChunkList } from '../../protocols/wire/hash.ts'
import type { BlobStore } from '../disk/store.ts'
import type { MemberSums } from '../masked/member-sums.ts'
import type { Work } from '../work/work.ts'

export interface FetchingComponents {
  blobs: Pick<BlobClient, 'fetch'>
  federation: Federation
  store: BlobStore
  work: Work
  /** null: the plan is open. */
  sums: MemberSums | null
}

export class Fetching {
  private readonly components: FetchingComponents
  /** Aborts when the peer has stopped. */
  private readonly signal: AbortSignal
  /**
   * Contributions, as BLOCK/ID, that are too long for their block and so invalid. The same bytes may be valid for
   * another block.
   */
  private readonly oversize = new Set<string>()

  constructor(components: FetchingComponents, signal: AbortSignal) {
    this.components = components
    this.signal = signal
  }

  /**
   * @param likely - peers that most likely have the blob, as FetchOptions has them
   * @param onLack - called if the blob is not in the store, or damaged there, before others are asked
   */
  async fetch(effect: EffectOf<'fetch'>, likely: readonly string[], onLack: () => void): Promise<RoundEvent> {
    const { id } = effect
    const held = await this.obtain(effect, likely, onLack)
    if (effect.what === 'list') return { type: 'list', root: id, list: held ? await this.readList(id) : null }
    if (effect.what === 'value')
      return { type: 'value', hash: id, value: held ? await this.read(id, decodeValue) : null }
    if (!held) this.oversize.add(contributionKey(effect.block, id))
    return { type: 'held', member: effect.author, block: effect.block, root: id }
  }

  async validate({ member, block, root, entries }: EffectOf<'validate'>): Promise<RoundEvent> {
    const { sums, store, work } = this.components
    const isPersonal = sums !== null && sums.maxBytes(block) !== null
    const check = () =>
      isPersonal ? sums.fault({ member, block, root, entries }) : work.validate(block, store.path(root))
    // The check only reads and cannot be cancelled, so a stopping peer does not wait for it.
    const { promise, reject, resolve } = Promise.withResolvers<string | null>()
    const onStop = () => reject(this.signal.reason)
    this.signal.addEventListener('abort', onStop)
    if (this.oversize.has(contributionKey(block, root))) resolve('longer than one of its block can be')
    else store.using([root], check).then(resolve, reject)
    const reason = await promise.finally(() => this.signal.removeEventListener('abort', onStop))
    return { type: 'validated', member, block, root, reason }
  }

  /** A commit list from the store; null if the bytes are no list. */
  readList(id: string): Promise<CommitList | null> {
    return this.read(id, decodeCommitList)
  }

  /** Whether the blob is in the store now. If not, it is longer than allowed, and its id proves that. */
  private async obtain(effect: EffectOf<'fetch'>, likely: readonly string[], onLack: () => void): Promise<boolean> {
    const { blobs, store } = this.components
    const { id } = effect
    const maxBytes = this.maxBytes(effect)
    if (await store.holds(id)) return store.byteLength(id) <= maxBytes
    onLack()
    try {
      const create = (list: ChunkList) => store.sink(id, list)
      await blobs.fetch(id, { maxBytes, begun: store.begun(id), create, likely, signal: this.signal })
      return true
    } catch (error) {
      if (error instanceof BlobTooLargeError) return false
      throw error
    }
  }

  private maxBytes(effect: EffectOf<'fetch'>): number {
    if (effect.what === 'list') return MAX_COMMIT_LIST_BYTES
    if (effect.what === 'value') return maxValueBytes(this.components.federation)
    return effect.bytes
  }

  /** Decodes bytes; null if they are not of that kind. */
  private async read<T>(id: string, decode: (bytes: Uint8Array) => T): Promise<T | null> {
    try {
      return decode(await this.components.store.read(id))
    } catch (error) {
      if (error instanceof MalformedMessageError) return null
      throw error
    }
  }
}

function contributionKey(block: number, id: string): string {
  return `${block}/${id}`
}
