/**
 * The record of when members were heard in each round, as this site heard them: its clock tells all times. It begins
 * with the process, and the plan bounds its size: a few numbers for each round and member.
 */
import type { RoundProgressEvent, RoundReport } from './events.ts'

/** The times of a round, in milliseconds since 1970. Members are indices in the roster. */
export interface RoundTimes {
  round: number
  began: number
  /** The first and the last sign of this site's own work for the round; null: it had none, or it showed no progress. */
  worked: { from: number; to: number } | null
  /** Members that are done with their work, in the order in which this site heard of it. */
  sent: { member: number; at: number; bytes: number | null }[]
  proposed: { member: number; attempt: number; at: number }[]
  /** This site has taken over the round's certificate; null: not yet. */
  ended: number | null
}

/** The number alone of a round that has ended. */
type HeardEvent = Exclude<RoundProgressEvent, { type: 'round' }> | { type: 'round'; round: Pick<RoundReport, 'round'> }

export class Timeline {
  private readonly date: () => number
  private readonly byRound = new Map<number, RoundTimes>()

  /** @param date - milliseconds since 1970 */
  constructor(date: () => number) {
    this.date = date
  }

  hear(event: HeardEvent): void {
    const at = this.date()
    switch (event.type) {
      case 'step':
        if (event.round > 0) this.of(event.round, at)
        return
      case 'prune': {
        const times = this.of(event.round, at)
        times.worked = { from: times.worked?.from ?? at, to: at }
        return
      }
      case 'sent': {
        const { sent } = this.of(event.round, at)
        if (sent.every(({ member }) => member !== event.member)) sent.push({ member: event.member, at, bytes: null })
        return
      }
      case 'offers': {
        const sent = this.of(event.round, at).sent.find(({ member }) => member === event.member)
        if (sent !== undefined) sent.bytes ??= event.bytes
        return
      }
      case 'proposed': {
        const { member, attempt } = event
        this.of(event.round, at).proposed.push({ member, attempt, at })
        return
      }
      case 'round':
        this.of(event.round.round, at).ended ??= at
    }
  }

  /** All rounds, ascending. */
  rounds(): RoundTimes[] {
    return [...this.byRound.values()].sort((a, b) => a.round - b.round).map((times) => structuredClone(times))
  }

  private of(round: number, at: number): RoundTimes {
    const known = this.byRound.get(round)
    if (known !== undefined) return known
    const times: RoundTimes = { round, began: at, worked: null, sent: [], proposed: [], ended: null }
    this.byRound.set(round, times)
    return times
  }
}
