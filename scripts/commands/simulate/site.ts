/**
 * One site of a simulation: a real peer with its own key, data directory, store, sockets and merge. Its job and its
 * events are plain data, so that it runs in this process or in one of its own.
 */
import { mkdir } from 'node:fs/promises'
import { DataDirectory } from '../../../peers/disk/data-directory.ts'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import type { RefusedMessages } from '../../../peers/network/refused.ts'
import { found, join, type PeerResult } from '../../../peers/peer.ts'
import type { NewsEvent, PeerEvent, RoundReport } from '../../../peers/round/events.ts'
import type { ServedBytes } from '../../../peers/round/ledger.ts'
import { EngineWork, type EngineWorkInit } from '../../../peers/work/engine-work.ts'
import type { PruneJob } from '../../../peers/work/work.ts'
import { parseInvitation } from '../../../protocols/plan/invitation.ts'
import { mergingOf, type Offer } from '../../../protocols/plan/offer.ts'
import type { Step } from '../../../protocols/round/messages/messages.ts'
import type { OwnFit } from '../../../src/form/block-fit.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import type { JobEngine } from '../../../src/jobs/open-engine.ts'
import type { WrittenModel } from '../../../src/jobs/plain-runs.ts'

export type OfferedPlan = Omit<Offer, 'version' | 'founder' | 'nonce'>

export interface SiteJob {
  index: number
  name: string
  /** In ppm. */
  capacity: number
  windows: Windows
  /** Directory of the base model. */
  model: string
  /** See EngineOptions. */
  apart: readonly string[]
  /** See EngineWorkInit. */
  structured: EngineWorkInit['structured']
  /** The site's key is derived from the seed and the index. */
  seed: number
  data: string
  out: string
  listen: string | null
  connect: 'all' | 'upstream'
  offer: OfferedPlan
  role: { type: 'founder'; nonce: Uint8Array; secret: Uint8Array } | { type: 'joiner'; invitation: string }
}

export type SiteEvent =
  | { type: 'listening'; addresses: string[] }
  | { type: 'invitation'; line: string }
  /** The plan, encoded. */
  | { type: 'founded'; plan: Uint8Array }
  | { type: 'prune'; round: number; done: number; total: number }
  | { type: 'step'; round: number; attempt: number; step: Step }
  | { type: 'round'; round: SiteRound }
  /** News that the founder hears of all sites. */
  | { type: 'heard'; event: NewsEvent }
  /** Figures of the site's own pruning, by block. */
  | { type: 'pruned'; fits: ReadonlyMap<number, OwnFit> }
  /** The measurements made while the model was written. */
  | { type: 'written'; written: WrittenModel }

/** A round at one site. */
export interface SiteRound extends Omit<RoundReport, 'value' | 'traffic'> {
  /** One entry for each contribution in the manifest. */
  entries: Array<{ block: number; root: string }>
  /** Bytes written to this site's sockets since its start. */
  sentBytes: number
}

export interface SiteResult {
  peerId: string
  root: string
  sentBytes: number
  receivedBytes: number
  served: ServedBytes
  payloadBytes: number
  refused: RefusedMessages[]
}

interface SiteContext {
  engine: JobEngine
  description: ModelDescription
  /** Resolves when pruning may begin: first each site is measured alone. */
  gate: Promise<void>
  signal: AbortSignal
  onEvent(event: SiteEvent): void
}

/** Runs a site from founding or joining to the end of the federation. */
export async function runSite(job: SiteJob, context: SiteContext): Promise<SiteResult> {
  const { index, name: site, capacity, offer, role, data, out, listen, connect } = job
  const { onEvent, signal } = context
  await using opened = await DataDirectory.open(data, { privateKey: await identityFromSeed(String(job.seed), index) })
  const init = {
    data: opened,
    place: { out },
    agree: null,
    listen,
    connect,
    keepMerges: index === 0, // only the founder's merges are evaluated
    signal,
    onEvent(event: PeerEvent) {
      const plain = plainEvent(event, index === 0)
      if (plain !== null) onEvent(plain)
    },
  }
  const brought = { site, capacity, work: () => new SimulatedWork(job, context) }
  const result =
    role.type === 'founder'
      ? await found({ ...init, ...brought, offer, nonce: role.nonce, secret: role.secret })
      : await join({ ...init, invitation: parseInvitation(role.invitation), prepare: async () => brought })
  return toResult(result)
}

/**
 * The work of a simulated site. It prunes after the gate has opened. Only the founder writes the model, since all would
 * write the same.
 */
class SimulatedWork extends EngineWork {
  private readonly gate: Promise<void>
  private readonly writes: boolean
  private readonly onEvent: SiteContext['onEvent']

  constructor(
    { index, model, structured, windows, offer, data }: SiteJob,
    { engine, description, gate, onEvent }: SiteContext,
  ) {
    const { method, rounds } = offer
    const merging = mergingOf(offer)
    const scratch = `${data}-scratch`
    super({ engine, model, description, method, rounds, merging, structured, windows, scratch, modelHash: null })
    this.gate = gate
    this.onEvent = onEvent
    this.writes = index === 0
  }

  override async prune(job: PruneJob): Promise<void> {
    await this.gate
    job.signal.throwIfAborted()
    await super.prune(job)
    this.onEvent({ type: 'pruned', fits: this.ownFits })
  }

  override async writeModel(merged: ReadonlyMap<number, string>, out: string, signal: AbortSignal): Promise<void> {
    if (!this.writes) return void (await mkdir(out))
    await super.writeModel(merged, out, signal)
    if (this.written !== undefined) this.onEvent({ type: 'written', written: this.written })
  }
}

/** The events of a peer that a simulation needs, as plain data; null for the others. */
function plainEvent(event: PeerEvent, isFounder: boolean): SiteEvent | null {
  switch (event.type) {
    case 'listening':
    case 'invitation':
    case 'prune':
    case 'step':
      return event
    case 'sent':
    case 'offers':
    case 'proposed':
      return isFounder ? { type: 'heard', event } : null
    case 'founded':
      return { type: 'founded', plan: event.plan.bytes }
    case 'round':
      return { type: 'round', round: toRound(event.round) }
    default:
      return null
  }
}

function toRound({ value, traffic, ...round }: RoundReport): SiteRound {
  const entries = value.entries.map(({ block, root }) => ({ block, root }))
  return { ...round, entries, sentBytes: traffic.sentBytes }
}

function toResult({ peerId, root, traffic, served, payloadBytes, refused }: PeerResult): SiteResult {
  return { peerId, root, ...traffic, served, payloadBytes, refused }
}
