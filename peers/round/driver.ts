/**
 * Runs the round machine: hands in one event at a time and carries out its effects in their order. All decisions are
 * the machine's; clocks, disk, network and computing are here.
 */
import type { Plan } from '../../protocols/plan/plan.ts'
import { heldMessages, initialState, step } from '../../protocols/round/machine.ts'
import { type Certificate, decodeCertificate } from '../../protocols/round/messages/certificate.ts'
import { type Body, type Commit, makeEnvelope } from '../../protocols/round/messages/messages.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import type { Context, Effect, EffectOf, ExitReason, RoundEvent, RoundState } from '../../protocols/round/types.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import type { Signer } from '../../protocols/wire/signing.ts'
import type { Appended, CertificateChain } from '../disk/certificates.ts'
import type { Journal } from '../disk/journal.ts'
import type { Merges } from '../disk/merges.ts'
import type { Traffic } from '../network/counted-tcp.ts'
import type { Post } from '../network/gossip.ts'
import { Tasks } from '../tasks.ts'
import { PeerStoppedError } from '../work/work.ts'
import { neededBlobs, reportOf } from './adopted.ts'
import type { RoundProgressEvent, RoundReport } from './events.ts'
import { Fetching, type FetchingComponents } from './fetching.ts'
import { Pruning, type PruningComponents } from './pruning.ts'
import { Timers } from './timers.ts'

interface DriverComponents extends FetchingComponents, PruningComponents {
  plan: Plan
  federation: Federation
  /** Index in the roster. */
  self: number
  signer: Signer
  merges: Merges
  journal: Journal
  chain: CertificateChain
  clock: Clock
  traffic(): Traffic
  /** The last certificate is taken over: write the model and what verifies it. Must be done before the peer ends. */
  finish(report: RoundReport, signal: AbortSignal): Promise<void>
  keepMerges: boolean
  onEvent(event: RoundProgressEvent): void
}

/** The other members, as a running driver reaches them. */
interface Others {
  post: Post
  /** Others are ahead: compare notes with this member, or with whom there is. */
  catchUp(member: number): void
}

interface DriverResult {
  reason: ExitReason
  detail: string
}

export class Driver {
  private readonly components: DriverComponents
  private readonly context: Context
  private readonly timers: Timers
  private readonly queue: RoundEvent[] = []
  private state: RoundState
  private others: Others | null = null
  private running = false
  private readonly stopped = new AbortController()
  private readonly outcome = Promise.withResolvers<DriverResult>()
  private readonly fetching: Fetching
  private readonly pruning: Pruning
  /** What runs and may write. */
  private readonly tasks = new Tasks()
  private finishing: Promise<void> = Promise.resolve()
  /** Rounds that this peer has taken over. */
  readonly reports: RoundReport[] = []

  constructor(components: DriverComponents) {
    this.components = components
    const { clock, federation, self, work } = components
    this.context = { federation, self, maxContributionBytes: (block) => work.maxContributionBytes(block) }
    this.state = initialState(this.context)
    this.fetching = new Fetching(components, this.stopped.signal)
    this.pruning = new Pruning(components)
    this.timers = new Timers(clock, (id) => this.handIn({ type: 'timer', id }))
    this.outcome.promise.catch(() => {})
  }

  /** Bytes of the contributions that this peer has made. */
  get payloadBytes(): number {
    return this.pruning.payloadBytes
  }

  /**
   * Runs until the machine stops and everything is written.
   * @throws the signal's reason, or what failed at this peer (its disk, its engine)
   */
  async run(others: Others, signal: AbortSignal): Promise<DriverResult> {
    this.others = others
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
      this.pruning.callOff(signal.aborted ? new PeerStoppedError(signal.reason) : this.stopped.signal.reason)
      this.timers.clearAll()
      // Whoever removes or moves the data directory now finds nobody writing to it.
      await this.tasks.ended()
    }
  }

  /** An event; it is handled after those that came before. */
  handIn(event: RoundEvent): void {
    if (this.stopped.signal.aborted) return
    this.queue.push(event)
    if (!this.running) this.tasks.add(this.work())
  }

  /** What anti-entropy compares, by short id. */
  messages(): Map<string, Uint8Array> {
    return this.others?.post.index(heldMessages(this.context, this.state)) ?? new Map()
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
        return this.pruning.callOff(new Error('no longer needed'))
      case 'fetch':
        return this.begin(() => this.fetching.fetch(effect))
      case 'validate':
        return this.begin(() => this.fetching.validate(effect))
      case 'merge':
        return this.begin(() => this.merge(effect))
      case 'certificate':
        return this.keepCertificate(effect.certificate)
      case 'adopted':
        return this.adopt(effect)
      case 'catchUp':
        return this.others?.catchUp(effect.member)
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

  /** Begins what an event answers. What fails here fails the peer: a disk that is full, an engine that breaks. */
  private begin(task: () => Promise<RoundEvent | null>): void {
    const done = async () => {
      const event = await task()
      if (event !== null) this.handIn(event)
    }
    this.tasks.add(
      done().catch((error) => {
        if (!this.stopped.signal.aborted) this.outcome.reject(error)
      }),
    )
  }

  /** A list that an earlier run has made may be gone with what it names. */
  private async announce({ round, root }: Commit): Promise<void> {
    const { onEvent, store } = this.components
    const list = store.has(root) ? await this.fetching.readList(root) : null
    if (list !== null) onEvent({ type: 'announced', round, list })
  }

  private send(body: Body): void {
    const { federation, self, signer } = this.components
    this.others?.post.send(makeEnvelope(signer, federation.id, self, body))
  }

  private prune(effect: EffectOf<'prune'>): Promise<RoundEvent | null> {
    const { merges, onEvent } = this.components
    const { round } = effect
    const merged = this.state.last === null ? new Map<number, string>() : merges.files(this.state.last.manifest)
    return this.pruning.prune(effect, merged, (done, total) => onEvent({ type: 'prune', round, done, total }))
  }

  private async merge({ manifest, entries, previous }: EffectOf<'merge'>): Promise<RoundEvent> {
    const { root, moved, bits } = await this.components.merges.merge(manifest, entries, previous, this.stopped.signal)
    return { type: 'merged', manifest, root, moved, bits }
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

  private async adopt(effect: EffectOf<'adopted'>): Promise<void> {
    const { finish, keepMerges, merges, onEvent, store } = this.components
    const report = reportOf(effect, this.components)
    this.reports.push(report)
    onEvent({ type: 'round', round: report })
    if (!keepMerges) await merges.retain(new Set([effect.manifest, ...Object.keys(this.state.merges)]))
    await store.retain(neededBlobs(effect, this.state, this.pruning.fresh))
    if (!effect.last) return
    this.finishing = finish(report, this.stopped.signal)
    this.finishing.catch((error) => this.outcome.reject(error))
    this.tasks.add(this.finishing)
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
