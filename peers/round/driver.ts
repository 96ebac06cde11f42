/**
 * Runs the round machine: hands in one event at a time and carries out its effects in their order. All decisions are
 * the machine's; clocks, disk, network and computing are here.
 */
import type { BlobClient } from '../../protocols/blob/client.ts'
import { BlobTooLargeError } from '../../protocols/blob/errors.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { heldMessages, initialState, step } from '../../protocols/round/machine.ts'
import { type Certificate, decodeCertificate } from '../../protocols/round/messages/certificate.ts'
import { MAX_COMMIT_LIST_BYTES, MAX_VALUE_BYTES } from '../../protocols/round/messages/constants.ts'
import { type Body, type Commit, makeEnvelope } from '../../protocols/round/messages/messages.ts'
import {
  type CommitEntry,
  decodeCommitList,
  decodeValue,
  encodeCommitList,
  type Federation,
  uncoveredBlocks,
} from '../../protocols/round/messages/value.ts'
import type { Context, Effect, ExitReason, RoundEvent, RoundState } from '../../protocols/round/types.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { MalformedMessageError } from '../../protocols/wire/encoding.ts'
import type { Signer } from '../../protocols/wire/signing.ts'
import type { Appended, CertificateChain } from '../disk/certificates.ts'
import type { Journal } from '../disk/journal.ts'
import type { Merges } from '../disk/merges.ts'
import type { BlobStore } from '../disk/store.ts'
import type { Traffic } from '../network/counted-tcp.ts'
import type { Post } from '../network/gossip.ts'
import { PeerStoppedError, type Work } from '../work/work.ts'
import type { RoundProgressEvent, RoundReport } from './events.ts'
import { Timers } from './timers.ts'

interface DriverComponents {
  plan: Plan
  federation: Federation
  /** Index in the roster. */
  self: number
  signer: Signer
  work: Work
  store: BlobStore
  merges: Merges
  journal: Journal
  chain: CertificateChain
  blobs: Pick<BlobClient, 'fetch'>
  clock: Clock
  /** Peer ids as text, by member. */
  peerIds: string[]
  traffic(): Traffic
  /** Others are ahead: compare notes with this member, or with whom there is. */
  catchUp(member: number): void
  /** The last certificate is taken over: write the model and what verifies it. Must be done before the peer ends. */
  finish(report: RoundReport, signal: AbortSignal): Promise<void>
  keepMerges: boolean
  onEvent(event: RoundProgressEvent): void
}

interface DriverResult {
  reason: ExitReason
  detail: string
}

type EffectOf<T extends Effect['type']> = Extract<Effect, { type: T }>

export class Driver {
  private readonly components: DriverComponents
  private readonly context: Context
  private readonly timers: Timers
  private readonly queue: RoundEvent[] = []
  private state: RoundState
  private post: Post | null = null
  private running = false
  private readonly stopped = new AbortController()
  private readonly outcome = Promise.withResolvers<DriverResult>()
  private pruning: AbortController | null = null
  /** What runs and may write. */
  private readonly tasks = new Set<Promise<void>>()
  private finishing: Promise<void> = Promise.resolve()
  /**
   * Contributions that are longer than one of their block can be, as BLOCK/ID: found invalid. The same bytes may be
   * good for another block, whoever else names them.
   */
  private readonly oversize = new Set<string>()
  /** Contributions of the pruning that runs: stored, and not yet in any commit. */
  private readonly fresh = new Set<string>()
  /** Rounds that this peer has taken over. */
  readonly reports: RoundReport[] = []
  /** Bytes of the contributions that this peer has made. */
  payloadBytes = 0

  constructor(components: DriverComponents) {
    this.components = components
    const { clock, federation, self, work } = components
    this.context = { federation, self, maxContributionBytes: (block) => work.maxContributionBytes(block) }
    this.state = initialState(this.context)
    this.timers = new Timers(clock, (id) => this.handIn({ type: 'timer', id }))
    this.outcome.promise.catch(() => {})
  }

  /**
   * Runs until the machine stops and everything is written.
   * @throws the signal's reason, or what failed at this peer (its disk, its engine)
   */
  async run(post: Post, signal: AbortSignal): Promise<DriverResult> {
    this.post = post
    const onAbort = () => this.outcome.reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
    try {
      const { chain, journal } = this.components
      // Statuses are not in the journal. They are seconds apart, so the clock is above those of an earlier run.
      const beat = Math.floor(this.components.clock.date() / 1000)
      this.handIn({ type: 'start', certificate: chain.last, log: journal.bodies, beat })
      return await this.outcome.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.stopped.abort(new Error('the peer has stopped'))
      this.pruning?.abort(signal.aborted ? new PeerStoppedError(signal.reason) : this.stopped.signal.reason)
      this.timers.clearAll()
      // Whoever removes or moves the data directory now finds nobody writing to it.
      await Promise.allSettled(this.tasks)
    }
  }

  /** An event; it is handled after those that came before. */
  handIn(event: RoundEvent): void {
    if (this.stopped.signal.aborted) return
    this.queue.push(event)
    if (!this.running) this.track(this.work())
  }

  /** What anti-entropy compares, by short id. */
  messages(): Map<string, Uint8Array> {
    return this.post?.index(heldMessages(this.context, this.state)) ?? new Map()
  }

  /** A certificate from another peer: the chain is kept whole, the machine gets the newest. */
  async takeCertificate(bytes: Uint8Array): Promise<void> {
    const certificate = decodeCertificate(bytes)
    const kept = await this.keep(certificate)
    if (kept === 'bad') throw new Error('a certificate without its quorum')
    // Of a fork the machine makes what it has to: it stops.
    if (kept === 'kept' || kept === 'fork') this.handIn({ type: 'certificate', certificate })
  }

  private async work(): Promise<void> {
    this.running = true
    try {
      for (let event = this.queue.shift(); event !== undefined; event = this.queue.shift()) {
        if (this.stopped.signal.aborted) return
        const before = this.state
        const { state, effects } = step(this.context, before, event)
        this.state = state
        this.tell(before, state)
        for (const effect of effects) {
          if (this.stopped.signal.aborted) return
          await this.carryOut(effect)
        }
      }
    } catch (error) {
      this.outcome.reject(error)
    } finally {
      this.running = false
    }
  }

  /** What takes long is begun here and answered by an event; what must be done before the next effect is awaited. */
  private async carryOut(effect: Effect): Promise<void> {
    switch (effect.type) {
      case 'persist':
        return this.components.journal.writeBody(effect.body)
      case 'send':
        if (effect.body.type === 'commit') await this.announce(effect.body)
        return this.send(effect.body)
      case 'store':
        await this.components.store.put(effect.bytes)
        return
      case 'prune':
        return this.begin(() => this.prune(effect))
      case 'abortPrune':
        return this.pruning?.abort(new Error('no longer needed'))
      case 'fetch':
        return this.begin(() => this.fetch(effect))
      case 'validate':
        return this.begin(() => this.validate(effect))
      case 'merge':
        return this.begin(() => this.merge(effect))
      case 'certificate':
        return this.keepCertificate(effect.certificate)
      case 'adopted':
        return this.adopt(effect)
      case 'catchUp':
        return this.components.catchUp(effect.member)
      case 'setTimer':
        return this.timers.set(effect.id, effect.ms)
      case 'clearTimer':
        return this.timers.clear(effect.id)
      case 'note':
        return this.components.onEvent({ type: 'note', text: effect.text })
      case 'exit':
        return this.end({ reason: effect.reason, detail: effect.detail })
    }
  }

  /** Once what is being written is written; where that fails, `adopt` has said so. */
  private end(result: DriverResult): void {
    this.finishing.then(
      () => this.outcome.resolve(result),
      () => undefined,
    )
  }

  /** What fails here fails the peer: a disk that is full, an engine that breaks. */
  private begin(task: () => Promise<void>): void {
    this.track(
      task().catch((error) => {
        if (!this.stopped.signal.aborted) this.outcome.reject(error)
      }),
    )
  }

  private track(task: Promise<void>): void {
    this.tasks.add(task)
    const forget = () => void this.tasks.delete(task)
    task.then(forget, forget)
  }

  /** A list that an earlier run has made may be gone with what it names. */
  private async announce({ round, root }: Commit): Promise<void> {
    const { onEvent, store } = this.components
    const list = store.has(root) ? await readAs(store, root, decodeCommitList) : null
    if (list !== null) onEvent({ type: 'announced', round, list })
  }

  private send(body: Body): void {
    const { federation, self, signer } = this.components
    this.post?.send(makeEnvelope(signer, federation.id, self, body))
  }

  private async prune({ round, blocks }: EffectOf<'prune'>): Promise<void> {
    const { merges, onEvent, store, work } = this.components
    const stop = new AbortController()
    this.pruning = stop
    this.fresh.clear()
    const list: CommitEntry[] = []
    const merged = this.state.last === null ? new Map<number, string>() : merges.files(this.state.last.manifest)
    try {
      await work.prune({
        blocks: [...blocks].sort((a, b) => a - b),
        merged,
        signal: stop.signal,
        onBlock: async (block, bytes) => {
          const root = await store.put(bytes)
          this.fresh.add(root)
          list.push({ block, root, bytes: bytes.byteLength })
          this.payloadBytes += bytes.byteLength
        },
        onProgress: (done, total) => onEvent({ type: 'prune', round, done, total }),
      })
    } catch (error) {
      if (stop.signal.aborted) return
      throw error
    }
    list.sort((a, b) => a.block - b.block)
    const root = await store.put(encodeCommitList(list))
    this.fresh.add(root)
    this.handIn({ type: 'pruned', round, root, list })
  }

  private async fetch(effect: EffectOf<'fetch'>): Promise<void> {
    const { store } = this.components
    const { id } = effect
    const held = await this.obtain(effect)
    if (effect.what === 'list') {
      this.handIn({ type: 'list', root: id, list: held ? await readAs(store, id, decodeCommitList) : null })
    } else if (effect.what === 'value') {
      this.handIn({ type: 'value', hash: id, value: held ? await readAs(store, id, decodeValue) : null })
    } else {
      if (!held) this.oversize.add(contributionKey(effect.block, id))
      this.handIn({ type: 'held', block: effect.block, root: id })
    }
  }

  /** Whether the blob is in the store now; else it is longer than allowed, which its id proves. */
  private async obtain(effect: EffectOf<'fetch'>): Promise<boolean> {
    const { blobs, peerIds, store } = this.components
    const { id, author } = effect
    const maxBytes = this.maxBytes(effect)
    if (store.has(id)) return store.byteLength(id) <= maxBytes
    try {
      const create = () => store.writer()
      await blobs.fetch(id, { maxBytes, create, author: peerIds[author], signal: this.stopped.signal })
      return true
    } catch (error) {
      if (error instanceof BlobTooLargeError) return false
      throw error
    }
  }

  private maxBytes(effect: EffectOf<'fetch'>): number {
    if (effect.what === 'list') return MAX_COMMIT_LIST_BYTES
    if (effect.what === 'value') return MAX_VALUE_BYTES
    return effect.bytes ?? this.components.work.maxContributionBytes(effect.block)
  }

  private async validate({ block, root }: EffectOf<'validate'>): Promise<void> {
    const { store, work } = this.components
    // It only reads and cannot be called off: a peer that stops does not wait for it.
    const { promise, reject, resolve } = Promise.withResolvers<string | null>()
    const onStop = () => reject(this.stopped.signal.reason)
    this.stopped.signal.addEventListener('abort', onStop)
    if (this.oversize.has(contributionKey(block, root))) resolve('longer than one of its block can be')
    else work.validate(block, store.path(root)).then(resolve, reject)
    const reason = await promise.finally(() => this.stopped.signal.removeEventListener('abort', onStop))
    this.handIn({ type: 'validated', block, root, reason })
  }

  private async merge({ manifest, entries, previous }: EffectOf<'merge'>): Promise<void> {
    const { root, moved, bits } = await this.components.merges.merge(manifest, entries, previous, this.stopped.signal)
    this.handIn({ type: 'merged', manifest, root, moved, bits })
  }

  /** A chain that cannot be written to fails the peer, whoever brought the certificate. */
  private async keep(certificate: Certificate): Promise<Appended> {
    const { chain } = this.components
    try {
      const kept = await chain.append(certificate)
      if (kept === 'fork') await chain.keepFork(certificate)
      return kept
    } catch (error) {
      this.outcome.reject(error)
      throw error
    }
  }

  private async keepCertificate(certificate: Certificate): Promise<void> {
    const kept = await this.keep(certificate)
    if (kept === 'gap') this.components.onEvent({ type: 'note', text: 'certificates before this one are missing' })
  }

  private async adopt({ id, value, manifest, last }: EffectOf<'adopted'>): Promise<void> {
    const { federation, finish, keepMerges, merges, onEvent, store, traffic } = this.components
    const report: RoundReport = {
      round: value.round,
      certificate: id,
      value,
      contributions: value.entries.length,
      uncovered: uncoveredBlocks(federation, value),
      moved: value.moved,
      bits: value.bits,
      zeros: merges.get(manifest).zeros,
      traffic: traffic(),
      merged: merges.files(manifest),
    }
    this.reports.push(report)
    onEvent({ type: 'round', round: report })
    if (!keepMerges) await merges.retain(new Set([manifest, ...Object.keys(this.state.merges)]))
    await store.retain(this.neededBlobs(id, value.entries))
    if (!last) return
    this.finishing = finish(report, this.stopped.signal)
    this.finishing.catch((error) => this.outcome.reject(error))
    this.track(this.finishing)
  }

  /** What the newest manifest names, its value, and what this round still uses. */
  private neededBlobs(value: string, entries: ReadonlyArray<{ root: string }>): Set<string> {
    const { commits, contributions, lists } = this.state
    const open = Object.values(commits).flatMap((byRound) => Object.values(byRound).flat())
    return new Set([
      value,
      ...this.fresh,
      ...entries.map(({ root }) => root),
      ...open.flatMap(({ body }) => (body.type === 'commit' ? body.root : [])),
      ...Object.values(lists).flatMap((list) => (typeof list === 'string' ? [] : list.map(({ root }) => root))),
      ...Object.values(contributions).flatMap((byId) => Object.keys(byId)),
    ])
  }

  /** Whoever watches hears what has changed. */
  private tell(before: RoundState, after: RoundState): void {
    const { onEvent } = this.components
    if (before.round !== after.round || before.step !== after.step || before.attempt !== after.attempt) {
      onEvent({ type: 'step', round: after.round, attempt: after.attempt, step: after.step })
    }
    if (before.contributions === after.contributions) return
    const statuses = Object.values(after.contributions).flatMap((byId) => Object.values(byId))
    const valid = statuses.filter((status) => status === 'valid').length
    onEvent({ type: 'contributions', round: after.round, valid, known: statuses.length })
  }
}

function contributionKey(block: number, id: string): string {
  return `${block}/${id}`
}

/** Null where the bytes are none of the kind. */
async function readAs<T>(store: BlobStore, id: string, decode: (bytes: Uint8Array) => T): Promise<T | null> {
  try {
    return decode(await store.read(id))
  } catch (error) {
    if (error instanceof MalformedMessageError) return null
    throw error
  }
}
