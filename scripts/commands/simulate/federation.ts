/**
 * A federation on one machine: starts the sites in the order that the topology demands, and collects their events.
 * Every site is a real peer. Sites share the engine and nothing else; with --processes they share nothing at all.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import { federationOf } from '../../../peers/round/federation.ts'
import { CONTRIBUTIONS_NAME } from '../../../peers/round/output.ts'
import { Timeline } from '../../../peers/round/timeline.ts'
import { blockFiles } from '../../../peers/work/certified-share.ts'
import type { EngineWorkInit } from '../../../peers/work/engine-work.ts'
import { SECRET_BYTES } from '../../../protocols/plan/acceptance.ts'
import { formatInvitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import { asModelName, NONCE_BYTES } from '../../../protocols/plan/offer.ts'
import { decodePlan, type Plan } from '../../../protocols/plan/plan.ts'
import { peerIdText } from '../../../protocols/plan/site-name.ts'
import { openingOf } from '../../../protocols/round/masked/phases.ts'
import type { CertifiedRound } from '../../../protocols/round/messages/certified-round.ts'
import type { Step } from '../../../protocols/round/messages/messages.ts'
import { ppmToFraction } from '../../../src/base/decimal.ts'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import type { BlockFit, OwnFit } from '../../../src/form/block-fit.ts'
import { isStructuredMethod, type Method } from '../../../src/form/method.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import type { WrittenModel } from '../../../src/jobs/plain-runs.ts'
import { kindOfOpening } from '../../../src/merge/openings.ts'
import type { BlockZeros } from '../../../src/model/write/zeros.ts'
import { outcomeOf } from '../../common/block-matrices.ts'
import { apartFrom } from '../../common/companions.ts'
import type { EngineRun } from '../../common/engine.ts'
import { countedText } from '../../progress/counted.ts'
import type { PeerReport, ReportedRound } from '../../report/federation.ts'
import { WORK } from '../../report/masked-sums.ts'
import { reportedPhase } from '../../report/rounds.ts'
import { type TimesReport, timesReport } from '../../report/times.ts'
import { counted } from '../../terminal/numbers.ts'
import type { SimulateOptions } from './options.ts'
import type { OfferedPlan, SiteEvent, SiteJob, SiteResult, SiteRound } from './site.ts'
import { type SiteHost, startSite } from './start-site.ts'

/** The steps of a round in which nobody prunes. */
const DECIDING: ReadonlySet<Step> = new Set(['propose', 'prevote', 'precommit'])

/** Peers of a simulation listen on this machine only. */
const LISTEN = '/ip4/127.0.0.1/tcp/0'

export interface SimulatedSite {
  /** Short name for tables: early, court-2. */
  name: string
  /** In ppm. */
  capacity: number
  windows: Windows
}

export interface FoundInit {
  work: EngineRun
  options: SimulateOptions
  /** The plan's method, for this model. */
  method: Method
  structured: EngineWorkInit['structured']
  /** Tokens a window. */
  window: number
  description: ModelDescription
  /** SHA-256 of the base model. */
  hash: Uint8Array
  sites: readonly SimulatedSite[]
  /** Directory for the founder's results: model/, plan.cbor, certificates/, contributions/. */
  out: string
  /** Directory for data directories, and for the results of the other sites, which are the same as the founder's. */
  scratch: string
}

/** A round that has just been certified at the founder. */
export interface FollowedRound {
  certified: CertifiedRound
  report: ReportedRound
  /** The file of each block's MergedBlock; a block that is missing keeps its base weights. */
  merged: ReadonlyMap<number, string>
}

export interface FederationOutcome {
  peers: PeerReport[]
  rounds: ReportedRound[]
  root: string
  /** As in FederationReport. */
  sparsity: number
  zeros: number
  weights: number
  /** The contributions of the last manifest: the files of each block. */
  contributions: ReadonlyMap<number, string[]>
  /** Block -> figures of the last merge. */
  fits: ReadonlyMap<number, BlockFit>
  /** Those of each site's own pruning. */
  own: ReadonlyMap<number, OwnFit>[]
  /** The zeros of the written model. */
  written: BlockZeros
  /**
   * The difference of the written model's logits in plain ONNX Runtime, as a share of the largest; null: see Engine.
   */
  difference: number | null
}

/**
 * Founds a federation of all sites; pruning waits for run(). The first failure of a site fails the whole simulation.
 */
export async function foundSimulated(init: FoundInit): Promise<SimulatedFederation> {
  const federation = new SimulatedFederation(init)
  try {
    await federation.start()
    return federation
  } catch (error) {
    await federation[Symbol.asyncDispose]()
    throw error
  }
}

interface RunningSite {
  job: SiteJob
  result: Promise<SiteResult>
  seconds: number
  rounds: SiteRound[]
  /** Times of this site's work; the founder's has those that it hears of the others as well. */
  timeline: Timeline
  /** Figures of its own pruning, by block. */
  fits: ReadonlyMap<number, OwnFit>
}

interface RunEvents {
  /** A line of what is being done. */
  onProgress(text: string): void
  /**
   * Called for each certified round. The peers do not wait for it; its files stay until the federation is disposed of.
   */
  onRound(round: FollowedRound): Promise<void>
}

class SimulatedFederation implements AsyncDisposable {
  private readonly init: FoundInit
  private readonly offer: OfferedPlan
  private readonly secret: Uint8Array
  private readonly sites: RunningSite[] = []
  /** Their peer ids. */
  private ids: string[] = []
  private readonly gate = Promise.withResolvers<void>()
  private readonly stop = new AbortController()
  /** Rejects with the first failure. */
  private readonly failure = Promise.withResolvers<never>()
  private readonly founding = Promise.withResolvers<Plan>()
  private readonly onInterrupt: () => void
  private foundedPlan: Plan | undefined
  private written: WrittenModel | undefined
  private events: RunEvents | undefined
  /** The number of the founder's rounds that are reported to `onRound`. */
  private following = 0
  /** The calls of `onRound`, one after the other. */
  private followed: Promise<void> = Promise.resolve()

  constructor(init: FoundInit) {
    const { options, method, description, hash, window, work } = init
    const { name, parameters, blocks } = description
    this.init = init
    this.offer = {
      ...options.plan,
      method,
      model: { name: asModelName(name), hash, parameters, blocks },
      windows: options.windows,
      window,
      members: options.peers,
    }
    this.secret = derived('secret', options.seed, SECRET_BYTES)
    this.failure.promise.catch(() => undefined) // callers get the rejection from the race
    this.onInterrupt = () => this.fail(work.signal.reason)
    work.signal.addEventListener('abort', this.onInterrupt, { once: true })
  }

  /** The plan that all have signed. */
  get plan(): Plan {
    if (this.foundedPlan === undefined) throw new Error('the federation is not founded')
    return this.foundedPlan
  }

  async start(): Promise<void> {
    const { topology, seed } = this.init.options
    const keys = await Promise.all(this.init.sites.map((_, index) => identityFromSeed(String(seed), index)))
    this.ids = keys.map((key) => peerIdFromPrivateKey(key).toString())
    const nonce = derived('nonce', seed, NONCE_BYTES)
    const founder = this.launch(0, { type: 'founder', nonce, secret: this.secret })
    const invitation = parseInvitation(await this.unlessFailed(founder.invitation))
    let address = invitation.address
    for (let index = 1; index < this.init.sites.length; index++) {
      const line = formatInvitation({ ...invitation, address })
      const { listening } = this.launch(index, { type: 'joiner', invitation: line })
      if (topology === 'line') [address] = await this.unlessFailed(listening)
    }
    this.foundedPlan = await this.unlessFailed(this.founding.promise)
  }

  /** Runs all rounds; resolves when every site has ended. */
  async run(events: RunEvents): Promise<FederationOutcome> {
    this.events = events
    this.followTold() // rounds in which nobody prunes may be over
    const elapsed = stopwatch()
    for (const site of this.sites) {
      // The race below reports a failure.
      site.result.then(
        () => (site.seconds = elapsed()),
        () => undefined,
      )
    }
    this.gate.resolve()
    const results = await this.unlessFailed(Promise.all(this.sites.map(({ result }) => result)))
    await this.unlessFailed(this.followed)
    return this.outcome(results)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.init.work.signal.removeEventListener('abort', this.onInterrupt)
    this.fail(new Error('the simulation has ended'))
    this.gate.resolve()
    await Promise.allSettled(this.sites.map(({ result }) => result))
  }

  private launch(index: number, role: SiteJob['role']): { invitation: Promise<string>; listening: Promise<string[]> } {
    const { options, scratch, out, sites, structured, work, description } = this.init
    const { topology, seed, model, processes } = options
    const job: SiteJob = {
      ...sites[index],
      index,
      model,
      apart: apartFrom(options),
      structured,
      seed,
      data: join(scratch, `data-${index}`),
      out: index === 0 ? out : join(scratch, `out-${index}`),
      listen: index > 0 && topology === 'star' ? null : LISTEN,
      connect: topology === 'mesh' ? 'all' : 'upstream',
      offer: this.offer,
      role,
    }
    const host: SiteHost = {
      engine: work.engine,
      description,
      gate: this.gate.promise,
      signal: this.stop.signal,
      processes,
    }
    const invitation = Promise.withResolvers<string>()
    const listening = Promise.withResolvers<string[]>()
    const site: RunningSite = {
      job,
      seconds: Number.NaN,
      rounds: [],
      timeline: new Timeline(Date.now),
      fits: new Map(),
      result: Promise.resolve(NEVER),
    }
    site.result = startSite(job, host, (event) => {
      if (event.type === 'invitation') invitation.resolve(event.line)
      else if (event.type === 'listening') listening.resolve(event.addresses)
      else this.receive(site, event)
    })
    site.result.catch((error) => this.fail(error))
    this.sites.push(site)
    return { invitation: invitation.promise, listening: listening.promise }
  }

  private receive(site: RunningSite, event: SiteEvent): void {
    const { index, name } = site.job
    if (event.type === 'pruned') {
      site.fits = event.fits
    } else if (event.type === 'heard') {
      site.timeline.hear(event.event)
    } else if (event.type === 'prune') {
      site.timeline.hear(event)
      const { does, unit } = this.workOf(event.round)
      this.events?.onProgress(countedText(`${this.held(event.round)} · ${name} ${does}`, unit, event.done, event.total))
    } else if (event.type === 'step') {
      if (index === 0) site.timeline.hear(event)
      if (index === 0 && DECIDING.has(event.step))
        this.events?.onProgress(`${this.held(event.round)} · merging, voting`)
    } else if (event.type === 'round') {
      const before = site.rounds.pop()
      if (before !== undefined) site.rounds.push({ ...before, entries: [] }) // only those of the last are asked for
      site.rounds.push(event.round)
      site.timeline.hear(event)
      this.followTold()
    } else if (event.type === 'founded' && index === 0) {
      this.founding.resolve(decodePlan(event.plan, this.secret))
    } else if (event.type === 'written') {
      this.written = event.written
    }
  }

  /** Peer ids and names, in the order of the sites. */
  get members(): { id: string; site: string }[] {
    return this.init.sites.map(({ name: site }, i) => ({ id: this.ids[i], site }))
  }

  /** When sites were heard so far; members are numbers in the order of the sites. */
  times(): TimesReport | null {
    const places = this.plan.members.map(({ peer }) => this.ids.indexOf(peerIdText(peer)))
    const workers = new Map(this.sites.map(({ timeline }, site) => [site, timeline.rounds()]))
    return timesReport(this.sites[0].timeline.rounds(), places, workers)
  }

  /** The rounds that are over. */
  private held(round: number): string {
    return `${round - 1} of ${counted(federationOf(this.plan).rounds, 'round')}`
  }

  /** The verb for a site's work in this round, and the unit in which it is counted. */
  private workOf(round: number): { does: string; unit: string } {
    const { masked, merge, rounds } = this.offer
    const { method } = this.init
    if (masked) {
      const kind = kindOfOpening({ method, merge, rounds }, openingOf(round))
      return { does: WORK[kind][0], unit: kind === 'adapters' ? 'step' : 'block' }
    }
    if (!isStructuredMethod(method)) return { does: 'prunes', unit: 'block' }
    return round === 1 ? { does: 'measures', unit: 'block' } : { does: 'trains', unit: 'step' }
  }

  /** Reports the rounds that every site has announced, or a later one: their bytes no longer change. */
  private followTold(): void {
    const { events } = this
    if (events === undefined) return
    const told = Math.min(...this.sites.map(({ rounds }) => rounds.at(-1)?.round ?? 0))
    for (const round of this.sites[0].rounds.slice(this.following)) {
      if (round.round > told) return
      this.following++
      this.follow(round, events)
    }
  }

  private follow(round: SiteRound, events: RunEvents): void {
    const follow = () => events.onRound({ certified: round, report: this.report(round), merged: round.merged })
    this.followed = this.followed.then(follow)
    this.followed.catch((error) => this.fail(error))
  }

  private report({ round, contributions, uncovered, moved, bits, certificate, masked }: SiteRound): ReportedRound {
    const bytes = this.sentUntil(round) - this.sentUntil(round - 1)
    const told = { round, contributions, uncovered, maskChange: moved / bits, certificate, bytes }
    return { ...told, ...reportedPhase(masked) }
  }

  /** The bytes that all sites have written to sockets by the end of a round. */
  private sentUntil(round: number): number {
    return this.sites.reduce(
      (sum, { rounds }) => sum + (rounds.findLast((report) => report.round <= round)?.sentBytes ?? 0),
      0,
    )
  }

  private outcome(results: readonly SiteResult[]): FederationOutcome {
    const { out, sites, description, method } = this.init
    const { written } = this
    const [founder] = this.sites
    const last = founder.rounds.at(-1)
    if (last === undefined || written === undefined) throw new Error('a federation ended without a round')
    return {
      peers: results.map(({ peerId: id, root, payloadBytes, refused, served, ...traffic }, i) => {
        const { name: site, capacity } = sites[i]
        const { seconds } = this.sites[i]
        const sent = { ...traffic, ownBytes: served.own, othersBytes: served.others, payloadBytes, refused }
        return { id, site, capacity: ppmToFraction(capacity), root, ...sent, seconds }
      }),
      rounds: founder.rounds.map((round) => this.report(round)),
      root: results[0].root,
      ...outcomeOf(description, method, { last, written: written.zeros }),
      contributions: blockFiles(last.entries, description.blocks, join(out, CONTRIBUTIONS_NAME)),
      fits: last.fits,
      own: this.sites.map(({ fits }) => fits),
      written: written.zeros,
      difference: written.difference,
    }
  }

  private fail(reason: unknown): void {
    this.failure.reject(reason)
    this.stop.abort(reason)
  }

  private unlessFailed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.failure.promise])
  }
}

/** A placeholder that the site's own result replaces at once. */
const NEVER: SiteResult = {
  ...{ peerId: '', root: '', sentBytes: 0, receivedBytes: 0, served: { own: 0, others: 0 }, payloadBytes: 0 },
  refused: [],
}

/**
 * Bytes derived from the seed, so that the same command gives the same federation: SHA-256("coppice/simulate/" `what`
 * NUL `seed`), cut to length.
 */
function derived(what: string, seed: number, length: number): Uint8Array {
  const digest = createHash('sha256').update(`coppice/simulate/${what}\0${seed}`).digest()
  return new Uint8Array(digest.subarray(0, length))
}
