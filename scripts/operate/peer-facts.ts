/**
 * The facts of a peer that metrics tell: those of its status book, and the steps and counts of the round, which only
 * metrics tell.
 */
import type { PeerNode } from '../../peers/network/node.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import { federationOf } from '../../peers/round/federation.ts'
import type { StatusBook } from '../../peers/status/status-book.ts'
import { siteInWords } from '../../protocols/plan/site-name.ts'
import { PROPOSER_SILENCE_TICKS, paced, STATUS_INTERVAL_MS } from '../../protocols/round/messages/constants.ts'

/** The phases of a command: before and during founding, then the steps of a round. It is in exactly one. */
export const PHASES = [
  'starting',
  'founding',
  'collect',
  'propose',
  'prevote',
  'precommit',
  'adopt',
  'serve',
  'stopped',
] as const

/** The timer of the round that is no deadline: it comes again and again. */
const STATUS_TIMER = 'status'

export class PeerFacts {
  phase: (typeof PHASES)[number] = 'starting'
  round = 0
  attempt = 0
  /** The last round with a certificate, and when this process took it over, in milliseconds since 1970; 0: none yet. */
  certified = 0
  certifiedAt = 0
  /** Steps of this site's own work in the round. */
  work = { done: 0, total: 0 }
  contributions = { held: 0, known: 0 }
  node: PeerNode | null = null
  book: StatusBook | null = null
  /** It knows the memory of the processes that compute. */
  engine: { readonly peakMemoryBytes: number } | null = null

  hear(event: PeerEvent): void {
    switch (event.type) {
      case 'retrying':
      case 'listening':
      case 'waiting':
        this.phase = 'founding'
        return
      case 'step':
        if (event.round !== this.round) this.forgetRound()
        this.phase = event.step
        this.round = event.round
        this.attempt = event.attempt
        return
      case 'prune':
        this.work = { done: event.done, total: event.total }
        return
      case 'contributions':
        this.contributions = { held: event.valid, known: event.known }
        return
      case 'round':
        this.certified = event.round.round
        this.certifiedAt = Date.now()
    }
  }

  private forgetRound(): void {
    this.work = { done: 0, total: 0 }
    this.contributions = { held: 0, known: 0 }
  }

  get plan() {
    return this.book?.plan ?? null
  }

  /** Members of the plan; before it is signed those that are wanted. */
  get members(): number {
    return this.book?.expected ?? 0
  }

  /** Sites that founding still waits for. */
  get missing(): number {
    return this.book?.missing ?? 0
  }

  private get view() {
    return this.book?.member ?? null
  }

  /** The most rounds that the plan has. */
  get rounds(): number {
    return this.plan === null ? 0 : federationOf(this.plan).rounds
  }

  /** The number of members, this one included, that were heard lately: a round still waits for them to propose. */
  get heard(): number {
    if (this.view === null) return 0
    const since = Date.now() - PROPOSER_SILENCE_TICKS * paced(this.members) * STATUS_INTERVAL_MS
    return 1 + [...this.view.heard.values()].filter((at) => at > since).length
  }

  /** Seconds since each other member was heard, by its name with its peer id: two sites may have one name. */
  silences(): Array<[member: string, seconds: number]> {
    const members = this.plan?.members ?? []
    const now = Date.now()
    return [...(this.view?.heard ?? [])].map(([index, at]) => [siteInWords(members[index]), (now - at) / 1000])
  }

  /** Seconds until each timer of the round runs out, by the first part of its id: the rest is round and attempt. */
  deadlines(): Array<[timer: string, seconds: number]> {
    const now = Date.now()
    return [...(this.view?.deadlines() ?? [])]
      .map(([id, at]): [string, number] => [id.split('/')[0], Math.max(0, (at - now) / 1000)])
      .filter(([timer]) => timer !== STATUS_TIMER)
  }

  /** Messages that were not taken in, of all members. */
  refused(reason: 'rejected' | 'excess'): number {
    return (this.view?.refused() ?? []).reduce((sum, counts) => sum + counts[reason], 0)
  }
}
