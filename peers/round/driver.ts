/**
 * Runs the round machine: hands in one event at a time and carries out its effects in their order. All decisions are
 * the machine's; clocks, disk, network and computing are here.
 */
import type { Plan } from '../../protocols/plan/plan.ts'
import { heldMessages, initialState, isStale, step } from '../../protocols/round/machine.ts'
import { isPersonal } from '../../protocols/round/masked/phases.ts'
import { type Certificate, decodeCertificate, maxCertificateBytes } from '../../protocols/round/messages/certificate.ts'
import { MIN_WAIT_MS } from '../../protocols/round/messages/constants.ts'
import {
  type Body,
  type Commit,
  type Envelope,
  isBinding,
  makeEnvelope,
  sameBody,
} from '../../protocols/round/messages/messages.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { standingOf } from '../../protocols/round/standing.ts'
import { waitTimerId } from '../../protocols/round/timers.ts'
import type { Context, Effect, EffectOf, ExitReason, RoundEvent, RoundState } from '../../protocols/round/types.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import type { Signer } from '../../protocols/wire/signing.ts'
import type { Appended, CertificateChain } from '../disk/certificates.ts'
import type { Journal } from '../disk/journal.ts'
import { type Merges, UnmergeableError } from '../disk/merges.ts'
import type { Traffic } from '../network/counted-tcp.ts'
import type { Post } from '../network/gossip.ts'
import { Tasks } from '../tasks.ts'
import { PeerStoppedError } from '../work/work.ts'
import { neededBlobs, reportOf, summaryOf } from './adopted.ts'
import { firstBeat } from './beat.ts'
import type { RoundProgressEvent, RoundReport, RoundSummary, Whereabouts } from './events.ts'
import { Fetching, type FetchingComponents } from './fetching.ts'
import { Measuring } from './measuring.ts'
import { newsOf } from './news.ts'
import { twinError } from './outcome.ts'
import { Pruning, type PruningComponents } from './pruning.ts'
import { Timers } from './timers.ts'

interface DriverComponents extends FetchingComponents, PruningComponents {
  plan: Plan
  federation: Federation
  /** This peer's index in the roster. */
  self: number
  signer: Signer
  /** Peer ids as text, by member. */
  peerIds: string[]
  merges: Merges
  journal: Journal
  chain: CertificateChain
  clock: Clock
  traffic(): Traffic
  /** Writes the model, and the files that `verify` needs, after the last certificate. It ends before the peer does. */
  finish(report: RoundReport, signal: AbortSignal): Promise<void>
  keepMerges: boolean
  onEvent(event: RoundProgressEvent): void
}

/** The other members, as a running driver reaches them. */
interface Others {
  post: Post
  /** Others are ahead: starts an exchange with this member, or with any neighbour. */
  catchUp(member: number): void
}

export interface DriverResult {
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
  private readonly measuring: Measuring
  private readonly pruning: Pruning
  /** Running tasks that may write to disk. */
  private readonly tasks = new Tasks()
  private finishing: Promise<void> = Promise.resolve()
  /** The certificate that an earlier run has left, which is adopted anew. */
  private readonly earlier: string | null
  /** When each other member was heard last, in milliseconds since 1970. */
  readonly heard = new Map<number, number>()
  /** The newest round that this peer has adopted. */
  last: RoundSummary | null = null
  /** The figures of its merge, by block. */
  fits: RoundReport['fits'] = new Map()

  constructor(components: DriverComponents) {
    this.components = components
    const { clock, federation, self, sums, work } = components
    this.earlier = components.chain.last?.id ?? null
    const maxContributionBytes = (block: number) => sums?.maxBytes(block) ?? work.maxContributionBytes(block)
    this.context = { federation, self, maxContributionBytes }
    this.state = initialState(this.context)
    this.fetching = new Fetching(components, this.stopped.signal)
    this.measuring = new Measuring(components, this.stopped.signal)
    this.pruning = new Pruning(components)
    this.timers = new Timers(clock, (id) => this.handIn({ type: 'timer', id }))
    this.outcome.promise.catch(() => {})
  }

  /** The number of bytes of the contributions that this peer has made. */
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
      const beat = firstBeat(this.components.clock.date())
      this.handIn({ type: 'start', certificate: chain.last, log: journal.bodies, beat })
      return await this.outcome.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.stopped.abort(new Error('the peer has stopped'))
      this.pruning.callOff(signal.aborted ? new PeerStoppedError(signal.reason) : this.stopped.signal.reason)
      this.timers.clearAll()
      // From here on nobody writes to the data directory, so it may be removed or moved.
      await this.tasks.ended()
    }
  }

  /** When each timer of the round runs out, in milliseconds since 1970, by its name. */
  deadlines(): ReadonlyMap<string, number> {
    return this.timers.deadlines()
  }

  /** Where the round stands now. */
  whereabouts(): Whereabouts {
    const { context, state, timers } = this
    return { standing: standingOf(context, state), until: timers.deadlines().get(waitTimerId({ state })) ?? null }
  }

  /** Adds an event. It is handled after all earlier ones. */
  handIn(event: RoundEvent): void {
    if (this.stopped.signal.aborted) return
    this.hear(event)
    this.queue.push(event)
    if (!this.running) this.tasks.add(this.work())
  }

  /** The messages that anti-entropy compares, by short id. */
  messages(): Map<string, Uint8Array> {
    return this.others?.post.index(heldMessages(this.context, this.state)) ?? new Map()
  }

  /** Whether a message of another peer can change nothing any more. */
  isStale(envelope: Envelope): boolean {
    return isStale(this.context, this.state, envelope)
  }

  /** Takes in a certificate from another peer. The chain is kept whole, and the machine gets the newest one. */
  async takeCertificate(bytes: Uint8Array): Promise<void> {
    const certificate = decodeCertificate(bytes, maxCertificateBytes(this.components.federation))
    const kept = await this.keep(certificate)
    if (kept === 'bad') throw new Error('a certificate without its quorum')
    // If the certificate is of a fork, the machine stops.
    if (kept === 'kept' || kept === 'fork') this.handIn({ type: 'certificate', certificate })
  }

  private hear(event: RoundEvent): void {
    if (event.type !== 'message' || event.envelope.from === this.components.self) return
    this.heard.set(event.envelope.from, this.components.clock.date())
  }

  private async work(): Promise<void> {
    this.running = true
    try {
      for (let event = this.queue.shift(); event !== undefined; event = this.queue.shift()) {
        if (this.stopped.signal.aborted) return
        if (event.type === 'message') this.assertOwn(event.envelope)
        const before = this.state
        const { state, effects } = step(this.context, before, event)
        this.state = state
        this.tell(before, state)
        for (const effect of effects) {
          if (this.stopped.signal.aborted) return
          await this.carryOut(effect)
        }
        this.tellStanding(before, state)
      }
    } catch (error) {
      this.outcome.reject(error)
    } finally {
      this.running = false
    }
  }

  /**
   * Whatever binds this peer is in its log, from the current round on, before anybody can hear it.
   * @throws {OutputError} OUTPUT_KEY_ELSEWHERE: another process has signed this
   */
  private assertOwn({ body, from }: Envelope): void {
    const { journal, self } = this.components
    const { round, signed } = this.state
    if (from !== self || !isBinding(body) || journal.abstains(body)) return
    if (round === 0 || body.round < round || signed.some((own) => isBinding(own) && sameBody(own, body))) return
    throw twinError(body, journal.directory)
  }

  /**
   * Carries out an effect. Long work is only started, and an event reports its result; work that must end before the
   * next effect is awaited.
   */
  private async carryOut(effect: Effect): Promise<void> {
    switch (effect.type) {
      case 'persist':
        if (this.components.journal.abstains(effect.body)) return
        return this.components.journal.writeBody(effect.body)
      case 'send':
        if (this.components.journal.abstains(effect.body)) return
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
        return this.begin(() => this.fetching.fetch(effect, this.likely(effect.author), () => this.lacks(effect)))
      case 'validate':
        return this.begin(() => this.fetching.validate(effect))
      case 'merge':
        return this.begin(() => this.merge(effect))
      case 'measure':
        return this.begin(() => this.measuring.measure(effect))
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

  /** Waits for the files that are being written. If that fails, `adopt` has reported it. */
  private end(result: DriverResult): void {
    const ended = this.finishing.then(() => this.part(result))
    ended.then(
      () => this.outcome.resolve(result),
      () => undefined,
    )
  }

  /**
   * Where a member has cheated every other one must find that by itself, and may need what this peer has shown: it
   * stays as long as for stragglers.
   */
  private async part({ detail, reason }: DriverResult): Promise<void> {
    if (reason !== 'cheated') return
    const { clock, onEvent } = this.components
    onEvent({ type: 'warning', text: `stays for the others, and ends: ${detail}` })
    await clock.pause(MIN_WAIT_MS, this.stopped.signal)
  }

  /** Starts work whose result is an event. A failure here (a full disk, a broken engine) fails the peer. */
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

  /** Who most likely has what a member has announced: itself, then the neighbour through which it was heard last. */
  private likely(author: number): string[] {
    const carrier = this.others?.post.carrierOf(author)
    return [this.components.peerIds[author], ...(carrier === undefined ? [] : [carrier])]
  }

  /** A peer that has come back alone may wait for long, so it says at once what it needs. */
  private lacks(effect: EffectOf<'fetch'>): void {
    const certificate = this.state.adopting?.id ?? null
    if (effect.what !== 'contribution' || certificate === null || certificate !== this.earlier) return
    const { author, block, id } = effect
    this.components.onEvent({ type: 'lacks', certificate, author, block, id })
  }

  /** A list from an earlier run may be missing, and so may the blobs that it names. */
  private async announce({ round, root }: Commit): Promise<void> {
    const { federation, onEvent, store } = this.components
    const all = (await store.holds(root)) ? await this.fetching.readList(root) : null
    const list = all?.filter(({ block }) => !isPersonal(federation, block)) ?? []
    if (list.length > 0) onEvent({ type: 'announced', round, list })
  }

  private send(body: Body): void {
    const { federation, self, signer } = this.components
    this.others?.post.send(makeEnvelope(signer, federation.id, self, body))
  }

  private prune(effect: EffectOf<'prune'>): Promise<RoundEvent | null> {
    const { merges, onEvent } = this.components
    const { round } = effect
    const { last } = this.state
    const entries = last?.value.entries ?? []
    if (isPersonal(this.context.federation, effect.blocks[0])) return this.pruning.offer(effect, entries)
    const merged = last === null ? new Map<number, string>() : merges.files(last.manifest)
    // Others may end the round meanwhile.
    return merges.using(last === null ? [] : [last.manifest], () =>
      this.pruning.prune(effect, { merged, entries }, (done, total) => onEvent({ type: 'prune', round, done, total })),
    )
  }

  private async merge({ manifest, entries, previous }: EffectOf<'merge'>): Promise<RoundEvent> {
    const { merges } = this.components
    try {
      const { root, moved, bits, doubt } = await merges.merge(manifest, entries, previous, this.stopped.signal)
      return { type: 'merged', manifest, root, moved, bits, doubt }
    } catch (error) {
      if (error instanceof UnmergeableError) return { type: 'unmergeable', manifest, reason: error.message }
      throw error
    }
  }

  /** If the chain cannot be written, the peer fails, whoever brought the certificate. */
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
    const { finish, keepMerges, merges, onEvent, store, sums } = this.components
    await sums?.adopted(effect.value)
    const report = reportOf(effect, this.components)
    this.last = summaryOf(report)
    this.fits = report.fits
    onEvent({ type: 'round', round: report })
    if (!keepMerges) await merges.retain(new Set([effect.manifest, ...Object.keys(this.state.merges)]))
    // After a restart the round does not know yet what its messages will name: whatever an earlier run got may be it.
    if (effect.id !== this.earlier) await store.retain(neededBlobs(effect, this.state, this.pruning.fresh))
    if (!effect.last) return
    this.finishing = finish(report, this.stopped.signal)
    this.finishing.catch((error) => this.outcome.reject(error))
    this.tasks.add(this.finishing)
  }

  /** Reports who is waited for, after the timers were set. */
  private tellStanding(before: RoundState, after: RoundState): void {
    const isSame =
      before.step === after.step &&
      before.round === after.round &&
      before.attempt === after.attempt &&
      before.commits === after.commits &&
      before.pruning === after.pruning &&
      before.wait === after.wait
    if (!isSame && after.round > 0) this.components.onEvent({ type: 'standing', look: () => this.whereabouts() })
  }

  /** Reports changes of the state to the listener. */
  private tell(before: RoundState, after: RoundState): void {
    const { onEvent } = this.components
    if (before.round !== after.round || before.step !== after.step || before.attempt !== after.attempt) {
      onEvent({ type: 'step', round: after.round, attempt: after.attempt, step: after.step })
    }
    for (const news of newsOf(before, after)) onEvent(news)
    if (before.contributions === after.contributions) return
    const statuses = Object.values(after.contributions).flatMap((byId) => Object.values(byId))
    const valid = statuses.filter((status) => status === 'valid').length
    onEvent({ type: 'contributions', round: after.round, valid, known: statuses.length })
  }
}
