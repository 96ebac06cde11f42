/** Keeps what a running peer would say of itself: it hears all its events, and looks where they do not tell. */
import type { Plan } from '../../protocols/plan/plan.ts'
import { peerIdText, type SiteLabel } from '../../protocols/plan/site-name.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import type { Traffic } from '../network/counted-tcp.ts'
import type { RefusedMessages } from '../network/refused.ts'
import type { PeerEvent, Whereabouts } from '../round/events.ts'
import { federationOf } from '../round/federation.ts'
import type { Question } from './socket.ts'
import { type PeerStatus, timeText } from './status.ts'

/** Facts of the program around a peer: its memory in bytes, and its forecast. */
export interface StatusAside {
  peakMemoryBytes: number
  progress: { share: number; left: number } | null
}

interface BookInit {
  /** The data directory. */
  data: string
  /** Peer id of this site, as text. */
  self: string
  traffic(): Traffic
  /** Connected members by peer id as text. */
  neighbours(): ReadonlyMap<string, unknown>
  aside(): StatusAside
}

/** Facts that only a member of a founded federation has. Nothing is computed until somebody asks. */
interface MemberFacts {
  /** Messages that were not taken in. */
  refused(): RefusedMessages[]
  /** Bytes of the contributions that this peer has made. */
  payloadBytes(): number
  /** When each other member was heard last, in milliseconds since 1970, by its index; absent: not yet. */
  heard: ReadonlyMap<number, number>
  /** When each timer of the round runs out, in milliseconds since 1970, by its name. */
  deadlines(): ReadonlyMap<string, number>
}

/** The founder's line to paste; null: nobody can join any more, or here. */
export interface Invited {
  invitation: string | null
}

interface Held {
  plan: Plan
  rounds: number
  out: string
}

export class StatusBook {
  private readonly init: BookInit
  private invitation: string | null = null
  private sites: readonly SiteLabel[] = []
  /** Members of the plan; before it is signed those that are wanted; null: not known yet. */
  expected: number | null = null
  private signed: { plan: Plan; by: readonly number[] } | null = null
  private held: Held | null = null
  private began: number | null = null
  /** null: nothing is founded. */
  member: MemberFacts | null = null
  private look: (() => Whereabouts) | null = null
  private work: PeerStatus['work'] = null
  private end: 'writing' | 'serving' | null = null

  constructor(init: BookInit) {
    this.init = init
  }

  /** Takes an event of the peer. @param at - milliseconds since 1970 */
  hear(event: PeerEvent, at: number): void {
    switch (event.type) {
      case 'invitation':
        this.invitation = event.line
        return
      case 'waiting':
        this.sites = event.sites
        this.expected = event.members
        return
      case 'signing':
        this.signed = { plan: event.plan, by: event.signed }
        return
      case 'founded':
      case 'goingOn':
        this.invitation = null
        this.began ??= event.type === 'founded' ? at : null
        this.expected = event.plan.members.length
        this.held = { plan: event.plan, rounds: federationOf(event.plan).rounds, out: event.out }
        return
      case 'prune':
        this.work = { done: event.done, total: event.total }
        return
      case 'standing':
        this.look = event.look
        if (!event.look().standing.isWorking) this.work = null
        return
      case 'writing':
      case 'serving':
        this.end = event.type
    }
  }

  /** The plan that all have signed; null: not yet. */
  get plan(): Plan | null {
    return this.held?.plan ?? null
  }

  /** Sites that founding still waits for. */
  get missing(): number {
    return this.held !== null || this.expected === null ? 0 : this.expected - this.sites.length
  }

  /** From here on the peer is a member. */
  follows(member: MemberFacts): void {
    this.member = member
  }

  answer(question: Question): PeerStatus | Invited {
    return question === 'status' ? this.status() : { invitation: this.invitation }
  }

  private status(): PeerStatus {
    const { data, aside, traffic } = this.init
    const { held, look, member } = this
    const here = look?.() ?? null
    const { sentBytes, receivedBytes } = traffic()
    const { peakMemoryBytes, progress } = aside()
    const isCollecting = here !== null && here.standing.step === 'collect'
    return {
      running: true,
      pid: process.pid,
      data,
      federation: held && toHex(held.plan.id),
      phase: this.phase(here),
      round: here?.standing.round ?? (held === null ? null : 1),
      rounds: held?.rounds ?? null,
      attempt: (here?.standing.attempt ?? 0) + 1,
      work: this.end === null ? this.work : null,
      progress: progress && { share: progress.share, secondsLeft: Math.round(progress.left) },
      size: this.expected,
      members: this.members(here),
      needed: isCollecting ? here.standing.needed : null,
      deadline: here === null || here.until === null || !isCollecting ? null : timeText(here.until),
      bytes: { sent: sentBytes, received: receivedBytes, contributions: member?.payloadBytes() ?? 0 },
      memory: { now: process.memoryUsage.rss(), peak: peakMemoryBytes },
      refused: member?.refused() ?? [],
      out: held?.out ?? null,
      began: this.began === null ? null : timeText(this.began),
      others: [],
    }
  }

  private phase(here: Whereabouts | null): PeerStatus['phase'] {
    if (this.end !== null) return this.end
    if (this.held === null) return this.signed === null ? 'founding' : 'signing'
    if (here === null) return 'working'
    const { awaited, isWorking, step } = here.standing
    if (step === 'collect') {
      if (isWorking) return 'working'
      return awaited.length > 0 ? 'waiting' : 'checking'
    }
    return step === 'prevote' || step === 'precommit' ? 'voting' : 'merging'
  }

  private members(here: Whereabouts | null): PeerStatus['members'] {
    const { neighbours, self } = this.init
    const connected = neighbours()
    const standing = here !== null && here.standing.step === 'collect' ? here.standing : null
    const sites = this.held?.plan.members ?? this.signed?.plan.members ?? this.sites
    return sites.map(({ peer, site }, index) => {
      const id = peerIdText(peer)
      const heard = this.member?.heard.get(index)
      return {
        site,
        peer: id,
        self: id === self,
        sent:
          standing === null
            ? this.held === null
              ? (this.signed?.by.includes(index) ?? null)
              : null
            : standing.sent.includes(index),
        awaited: standing?.awaited.includes(index) ?? false,
        connected: id === self || connected.has(id),
        heard: heard === undefined ? null : timeText(heard),
      }
    })
  }
}
