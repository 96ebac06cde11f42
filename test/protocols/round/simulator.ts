/**
 * Members in virtual time: each runs the machine that real peers run, over a network that delays, drops, duplicates
 * and reorders by a seed. Checks after every event that no two members certify different values for a round, and
 * that nobody who is honest signs two things at one place.
 */
import assert from 'node:assert/strict'
import { heldMessages, initialState, step } from '../../../protocols/round/machine.ts'
import { phaseOf } from '../../../protocols/round/masked/phases.ts'
import { type Certificate, certificateId } from '../../../protocols/round/messages/certificate.ts'
import {
  type Body,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  type Hash,
  isBinding,
  placeOf,
  sameBody,
} from '../../../protocols/round/messages/messages.ts'
import {
  type Certified,
  type CommitList,
  decodeCommitList,
  decodeValue,
  encodeCommitList,
  type Federation,
  type ManifestEntry,
} from '../../../protocols/round/messages/value.ts'
import type { Context, Effect, EffectOf, ExitReason, RoundEvent, RoundState } from '../../../protocols/round/types.ts'
import { SimulatedSums } from './masked/sums.ts'
import {
  commitList,
  listRoot,
  makeContext,
  makeFederation,
  mergeOf,
  random,
  uncheckable,
  unsigned,
  type WorldOptions,
} from './world.ts'

export interface SimulationOptions extends WorldOptions {
  seed: number
  /** Share of gossip messages that are lost on each link. Anti-entropy repairs it. */
  drop?: number
  /**
   * Until then this share of the votes is late by up to lateMs, and no certificate gets through: the worst for locks.
   */
  storm?: { late: number; lateMs: number; untilMs: number }
  /** Share that comes twice. */
  duplicate?: number
  /** Delay of a message, uniform in these bounds. */
  delayMs?: [number, number]
  /** Members that never say or answer anything. */
  silent?: readonly number[]
  /** Members that give nothing that they have made to anybody. */
  withholding?: readonly number[]
  pruneMs?: (member: number, round: number) => number
  mergeMs?: number
  fetchMs?: number | ((fetch: EffectOf<'fetch'>) => number)
  /** Reason why a member finds a contribution invalid. */
  invalid?: (member: number, entry: { block: number; root: Hash }) => string | null
  /** The envelope that a member really sends to another: null drops it. For those who lie. */
  twist?: (envelope: Envelope, to: number, simulation: Simulation) => Envelope | null
  /** Another merge than everybody else's. */
  wrongMerge?: (member: number) => boolean
  /** Why a merge of this round fails for everybody, or seems wrong to all. */
  unmergeable?: (round: number) => string | null
  doubt?: (round: number) => string | null
  /** Called after each effect that a member carries out. It may kill the member: the rest is lost then. */
  onEffect?: (self: number, effect: Effect, simulation: Simulation) => void
  /** Whether a member has another text once it has been restarted. */
  otherText?: (member: number) => boolean
  /** Members that offer nothing in a round. */
  withholds?: (member: number, round: number) => boolean
  /** The harm of a merge of these entries to a member. */
  harm?: (member: number, entries: readonly ManifestEntry[]) => number
  measureMs?: number
  /** Two members in different groups do not hear each other before this time. */
  partition?: { groups: number[][]; untilMs: number }
  limitMs?: number
}

interface Queued {
  at: number
  order: number
  run: () => void
}

export interface SimulatedMember {
  context: Context
  state: RoundState
  blobs: Map<Hash, Uint8Array | 'contribution'>
  merges: Map<Hash, readonly ManifestEntry[]>
  certificates: Certificate[]
  last: Certified | null
  log: Body[]
  /** Everything signed, over restarts. */
  signed: Map<string, Body>
  timers: Map<string, number>
  exit: { reason: ExitReason; detail: string; at: number } | null
  notes: string[]
  up: boolean
  /** Raised at a restart: what was under way before is lost. */
  life: number
}

const SYNC_MS = 5_000
const RETRY_MS = 1_000
const DAY_MS = 24 * 3600 * 1000

export class Simulation {
  readonly options: SimulationOptions
  readonly federation: Federation
  readonly members: SimulatedMember[] = []
  readonly certified = new Map<number, Hash>()
  /** When the first member had the certificate of a round. */
  readonly certifiedAt = new Map<number, number>()
  now = 0
  events = 0
  readonly #random: () => number
  /** null: the plan is open. */
  readonly sums: SimulatedSums | null
  #queue: Queued[] = []
  #order = 0

  constructor(options: SimulationOptions) {
    this.options = options
    this.federation = makeFederation(options)
    const { masked } = this.federation
    this.sums = masked === null ? null : new SimulatedSums(this.federation, masked)
    this.#random = random(options.seed)
    for (let self = 0; self < options.members; self++) {
      const context = makeContext(this.federation, self)
      this.members.push({
        context,
        state: initialState(context),
        blobs: new Map(),
        merges: new Map(),
        certificates: [],
        last: null,
        log: [],
        signed: new Map(),
        timers: new Map(),
        exit: null,
        notes: [],
        up: !this.isSilent(self),
        life: 0,
      })
    }
  }

  isSilent(member: number): boolean {
    return this.options.silent?.includes(member) ?? false
  }

  /** Runs until all that are up have stopped, or time is up. */
  run(): this {
    for (const { context, up } of this.members) {
      if (up) this.at(0, () => this.start(context.self))
    }
    const limit = this.options.limitMs ?? DAY_MS
    while (this.#queue.length > 0 && this.members.some(({ up, exit }) => up && exit === null)) {
      const next = this.#pop()
      if (next.at > limit) break
      this.now = next.at
      next.run()
    }
    return this
  }

  start(self: number): void {
    const member = this.members[self]
    member.up = true
    const newest = member.certificates.at(-1)
    const certificate = newest === undefined ? null : { id: certificateId(newest), value: newest.value }
    this.hand(self, { type: 'start', certificate, log: member.log, beat: 1000 * member.life })
    this.#sync(self, member.life)
  }

  /** Loses everything but what is on disk, and comes back later. */
  restart(self: number, afterMs: number): void {
    const member = this.members[self]
    member.up = false
    member.life++
    member.timers.clear()
    member.state = initialState(member.context)
    this.at(afterMs, () => this.start(self))
  }

  /** Does something so many ms from now. */
  at(ms: number, run: () => void): void {
    this.#push({ at: this.now + ms, order: this.#order++, run })
  }

  hand(self: number, event: RoundEvent): void {
    const member = this.members[self]
    if (!member.up || member.exit !== null) return
    this.events++
    const { state, effects } = step(member.context, member.state, event)
    member.state = state
    const heard: Envelope[] = []
    const { life } = member
    for (const effect of effects) {
      this.#carryOut(self, effect, heard)
      this.options.onEffect?.(self, effect, this)
      if (member.life !== life) return
    }
    for (const envelope of heard) this.hand(self, { type: 'message', envelope })
  }

  #carryOut(self: number, effect: Effect, heard: Envelope[]): void {
    const member = this.members[self]
    const carry: { [T in Effect['type']]?: (effect: Extract<Effect, { type: T }>) => void } = {
      persist: ({ body }) => member.log.push(body),
      send: ({ body }) => this.#send(self, body, heard),
      store: ({ hash, bytes }) => member.blobs.set(hash, bytes),
      prune: (prune) => this.#prune(self, prune),
      fetch: (fetch) => this.#fetch(self, fetch),
      validate: ({ member, block, root, entries }) => {
        const lacking = uncheckable(this.federation, block, entries)
        const reason = lacking ?? this.options.invalid?.(self, { block, root }) ?? null
        this.#later(self, 1, { type: 'validated', member, block, root, reason })
      },
      merge: (merge) => this.#merge(self, merge),
      measure: (measure) => this.#measure(self, measure),
      certificate: (certificate) => this.#certified(self, certificate),
      adopted: ({ id, value }) => {
        member.last = { id, value }
        this.sums?.adopted(self, value.round)
      },
      catchUp: (ask) => this.at(this.#delay(), () => this.#askCertificates(self, ask.member)),
      setTimer: ({ id, ms }) => this.#setTimer(self, id, ms),
      clearTimer: ({ id }) => member.timers.delete(id),
      note: ({ text }) => member.notes.push(text),
      exit: ({ reason, detail }) => {
        member.exit = { reason, detail, at: this.now }
      },
    }
    const act = carry[effect.type] as ((effect: Effect) => void) | undefined
    act?.(effect)
  }

  #send(self: number, body: Body, heard: Envelope[]): void {
    const member = this.members[self]
    if (isBinding(body)) {
      const earlier = member.signed.get(placeOf(body))
      assert.ok(
        earlier === undefined || (isBinding(earlier) && sameBody(earlier, body)),
        `${self} signs ${placeOf(body)} twice`,
      )
      assert.ok(
        member.log.some((logged) => isBinding(logged) && sameBody(logged, body)),
        `${self} sends before it persists`,
      )
      member.signed.set(placeOf(body), body)
    }
    const envelope = unsigned(this.federation, self, body)
    assert.ok(encodeEnvelope(envelope).byteLength <= 1024)
    heard.push(envelope)
    for (let to = 0; to < this.options.members; to++) {
      if (to !== self) this.#gossip(envelope, to)
    }
  }

  #gossip(envelope: Envelope, to: number): void {
    const { drop = 0, duplicate = 0, twist } = this.options
    const sent = twist === undefined ? envelope : twist(envelope, to, this)
    if (sent === null) return
    const copies = this.#random() < duplicate ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() < drop || !this.connected(sent.from, to)) continue
      this.at(this.#late(sent) + this.#delay(), () => this.hand(to, { type: 'message', envelope: sent }))
    }
  }

  #late(envelope: Envelope): number {
    const { storm } = this.options
    if (storm === undefined || !this.#storms() || !isVote(envelope)) return 0
    return this.#random() < storm.late ? this.#random() * storm.lateMs : 0
  }

  #storms(): boolean {
    return this.now < (this.options.storm?.untilMs ?? 0)
  }

  connected(a: number, b: number): boolean {
    const { partition } = this.options
    if (this.isSilent(a) || this.isSilent(b)) return false
    if (partition === undefined || this.now >= partition.untilMs) return true
    return partition.groups.some((group) => group.includes(a) && group.includes(b))
  }

  #prune(self: number, { round, blocks }: Extract<Effect, { type: 'prune' }>): void {
    const { life } = this.members[self]
    const list = this.options.withholds?.(self, round) ? null : this.#contributions(self, round, blocks)
    if (list === null) {
      this.at(1000, () => this.members[self].life === life && this.hand(self, { type: 'withheld', round }))
      return
    }
    this.at(this.options.pruneMs?.(self, round) ?? 1000, () => {
      const member = this.members[self]
      if (member.life !== life) return
      const root = listRoot(list)
      member.blobs.set(root, encodeCommitList(list))
      for (const entry of list) member.blobs.set(entry.root, 'contribution')
      this.hand(self, { type: 'pruned', round, root, list })
    })
  }

  /** A member's contributions of a round; null: it has masked others before, from another text. */
  #contributions(self: number, round: number, blocks: readonly number[]): CommitList | null {
    const { life, state } = this.members[self]
    const phase = phaseOf(this.federation, round)
    const entries = state.last?.value.entries ?? []
    if (this.sums === null || (phase !== 'list' && phase !== 'reveal'))
      return commitList(this.federation, self, round).filter(({ block }) => blocks.includes(block))
    if (phase === 'reveal') return this.sums.reveal(self, round, entries)
    const text = life > 0 && this.options.otherText?.(self) ? 'another text' : 'a text'
    return this.sums.mayMask(self, round, text) ? this.sums.mask(self, round, blocks, entries, text) : null
  }

  #fetch(self: number, effect: EffectOf<'fetch'>): void {
    const { life } = this.members[self]
    this.at(this.members[self].blobs.has(effect.id) ? 0 : this.#fetchMs(effect), () => {
      if (this.members[self].life !== life) return
      const holder = this.members.find(({ up, blobs, context }) => {
        const serves = this.connected(context.self, self) && !this.options.withholding?.includes(context.self)
        return up && blobs.has(effect.id) && (context.self === self || serves)
      })
      const blob = holder?.blobs.get(effect.id)
      if (holder === undefined || blob === undefined) {
        this.at(RETRY_MS, () => this.members[self].life === life && this.#fetch(self, effect))
        return
      }
      if (holder.context.self !== self) this.hand(holder.context.self, { type: 'asked' })
      this.members[self].blobs.set(effect.id, blob)
      this.hand(self, fetched(effect, blob))
    })
  }

  #fetchMs(effect: EffectOf<'fetch'>): number {
    const { fetchMs = 50 } = this.options
    return typeof fetchMs === 'number' ? fetchMs : fetchMs(effect)
  }

  #merge(self: number, { entries, manifest, previous, round }: Extract<Effect, { type: 'merge' }>): void {
    const member = this.members[self]
    for (const { root } of entries) assert.ok(member.blobs.has(root), `${self} merges what it does not hold`)
    const before = previous === null ? null : (member.merges.get(previous) ?? null)
    this.sums?.open(entries)
    const result = mergeOf(this.federation, entries, before)
    if (this.options.wrongMerge?.(self)) result.root = listRoot(commitList(this.federation, 0, 1, 'wrong'))
    member.merges.set(manifest, entries)
    const reason = this.options.unmergeable?.(round) ?? null
    if (reason !== null) {
      this.#later(self, 1, { type: 'unmergeable', manifest, reason })
      return
    }
    this.#later(self, this.options.mergeMs ?? 20, {
      type: 'merged',
      manifest,
      ...result,
      doubt: this.options.doubt?.(round) ?? null,
    })
  }

  #measure(self: number, { manifest, own }: Extract<Effect, { type: 'measure' }>): void {
    const { blobs, merges } = this.members[self]
    for (const { member, root } of own) assert.ok(member === self && blobs.has(root), `${self} compares with another's`)
    const harm = this.options.harm?.(self, merges.get(manifest) ?? []) ?? 1
    this.#later(self, this.options.measureMs ?? 20, { type: 'measured', manifest, harm })
  }

  #certified(self: number, { id, certificate }: Extract<Effect, { type: 'certificate' }>): void {
    const { round } = certificate.value
    assert.equal(certificateId(certificate), id)
    assert.equal(this.certified.get(round) ?? id, id, `two certificates of round ${round}`)
    this.certified.set(round, id)
    if (!this.certifiedAt.has(round)) this.certifiedAt.set(round, this.now)
    this.members[self].certificates[round] = certificate
  }

  #askCertificates(self: number, from: number): void {
    const theirs = this.members[from]
    if (this.#storms() || !theirs.up || !this.connected(self, from)) return
    const newest = theirs.certificates.at(-1)
    if (newest === undefined || this.members[self].certificates[newest.value.round] !== undefined) return
    this.hand(from, { type: 'asked' })
    this.at(this.#delay(), () => {
      this.hand(self, { type: 'certificate', certificate: newest })
    })
  }

  /** Every few seconds a member asks another for what it lacks. */
  #sync(self: number, life: number): void {
    this.at(SYNC_MS * (0.5 + this.#random()), () => {
      const member = this.members[self]
      if (member.life !== life || member.exit !== null) return
      const from = Math.floor(this.#random() * this.options.members)
      const reached = this.connected(self, from)
      if (from !== self && member.up && this.members[from].up && reached) this.#pull(self, from)
      this.#sync(self, life)
    })
  }

  #pull(self: number, from: number): void {
    const theirs = this.members[from]
    const mine = keysOf(this.members[self])
    for (const [id, envelope] of keysOf(theirs)) {
      if (!mine.has(id) && !(this.#storms() && isVote(envelope)))
        this.at(this.#delay(), () => this.hand(self, { type: 'message', envelope }))
    }
    this.#askCertificates(self, from)
  }

  #setTimer(self: number, id: string, ms: number): void {
    const { timers } = this.members[self]
    const token = this.#order
    timers.set(id, token)
    this.at(ms, () => {
      if (timers.get(id) !== token) return
      timers.delete(id)
      this.hand(self, { type: 'timer', id })
    })
  }

  #later(self: number, ms: number, event: RoundEvent): void {
    const { life } = this.members[self]
    this.at(ms, () => this.members[self].life === life && this.hand(self, event))
  }

  #delay(): number {
    const [least, most] = this.options.delayMs ?? [5, 50]
    return least + this.#random() * (most - least)
  }

  #push(item: Queued): void {
    const queue = this.#queue
    queue.push(item)
    for (let i = queue.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1
      if (!before(queue[i], queue[parent])) break
      ;[queue[i], queue[parent]] = [queue[parent], queue[i]]
      i = parent
    }
  }

  #pop(): Queued {
    const queue = this.#queue
    const top = queue[0]
    const last = queue.pop() as Queued
    if (queue.length === 0) return top
    queue[0] = last
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < queue.length && before(queue[child], queue[least])) least = child
      }
      if (least === i) return top
      ;[queue[i], queue[least]] = [queue[least], queue[i]]
      i = least
    }
  }
}

function isVote({ body }: Envelope): boolean {
  return body.type === 'prevote' || body.type === 'precommit'
}

function before(a: Queued, b: Queued): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

const held = new WeakMap<RoundState, Map<string, Envelope>>()

/** The envelopes that a member would give to another, by key. */
function keysOf({ context, state }: SimulatedMember): Map<string, Envelope> {
  let known = held.get(state)
  if (known === undefined) {
    known = new Map(heldMessages(context, state).map((envelope) => [key(envelope), envelope]))
    held.set(state, known)
  }
  return known
}

const keys = new WeakMap<Envelope, string>()

/** The bytes, which anti-entropy compares. */
function key(envelope: Envelope): string {
  let known = keys.get(envelope)
  if (known === undefined) keys.set(envelope, (known = Buffer.from(encodeEnvelope(envelope)).toString('base64')))
  return known
}

function fetched(effect: EffectOf<'fetch'>, blob: Uint8Array | 'contribution'): RoundEvent {
  if (effect.what === 'contribution')
    return { type: 'held', member: effect.author, block: effect.block, root: effect.id }
  assert.ok(blob !== 'contribution')
  if (effect.what === 'list') return { type: 'list', root: effect.id, list: decodeCommitList(blob) }
  return { type: 'value', hash: effect.id, value: decodeValue(blob) }
}

/** The culprit of evidence, where signatures are not checked. */
export function culprit(envelope: Envelope): number | null {
  return envelope.body.type === 'evidence' ? decodeEnvelope(envelope.body.first).from : null
}
