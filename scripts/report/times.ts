/** The timeline of a federation in a report. All times are in seconds since it began, by one site's clock. */
import type { RoundTimes } from '../../peers/round/timeline.ts'

export interface TimesReport {
  /** Zero of all times here (ISO 8601, UTC). */
  began: string
  /** Members are numbers in the report's list of sites. */
  rounds: RoundTimesReport[]
}

export interface RoundTimesReport {
  round: number
  began: number
  /** The first and the last sign of a site's own work, where this report knows it. */
  worked: { member: number; from: number; to: number }[]
  /** Sites whose work was done, as this site heard of it; `bytes`: all that they offer, null if it is not known. */
  sent: { member: number; at: number; bytes: number | null }[]
  proposed: { member: number; attempt: number; at: number }[]
  /** null: the round has not ended here. */
  ended: number | null
}

/** The work of sites, by number in the report's list, as each of them knows it. */
type Workers = ReadonlyMap<number, readonly Pick<RoundTimes, 'round' | 'worked'>[]>

/**
 * @param times - as one site heard them
 * @param places - the number in the report's list of each member of the roster
 * @returns null: nothing was heard
 */
export function timesReport(
  times: readonly RoundTimes[],
  places: readonly number[],
  workers: Workers,
): TimesReport | null {
  if (times.length === 0) return null
  const zero = Math.min(...times.map(({ began }) => began))
  const since = (at: number) => Math.max(0, at - zero) / 1000
  return {
    began: new Date(zero).toISOString(),
    rounds: times.map(({ round, began, sent, proposed, ended }) => ({
      round,
      began: since(began),
      worked: [...workers].flatMap(([member, rounds]) => {
        const worked = rounds.find((own) => own.round === round)?.worked ?? null
        return worked === null ? [] : [{ member, from: since(worked.from), to: since(worked.to) }]
      }),
      sent: sent.map(({ member, at, bytes }) => ({ member: places[member], at: since(at), bytes })),
      proposed: proposed.map(({ member, attempt, at }) => ({ member: places[member], attempt, at: since(at) })),
      ended: ended === null ? null : since(ended),
    })),
  }
}

/** A wait for a site: since the one before it was done, all others that are heard in the round were waiting. */
interface Wait {
  round: number
  member: number
  from: number
  to: number
}

/** The waits of all rounds. Nobody waits for the first site of a round: all are working then. */
export function waitsOf({ rounds }: Pick<TimesReport, 'rounds'>): Wait[] {
  return rounds.flatMap(({ round, sent }) => {
    const inOrder = [...sent].sort((a, b) => a.at - b.at)
    return inOrder.slice(1).map(({ member, at }, i) => ({ round, member, from: inOrder[i].at, to: at }))
  })
}
