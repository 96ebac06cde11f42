/** The report at the end of a federation at one site: whether it was worth it, and the data that has left the site. */
import type { RefusedMessages } from '../../peers/network/refused.ts'
import type { PeerResult } from '../../peers/peer.ts'
import { SHOWN_ID, shown } from '../../protocols/plan/site-name.ts'
import type { CertifiedRound } from '../../protocols/round/messages/certified-round.ts'
import { bytes, counted, duration, perplexityText } from '../terminal/numbers.ts'
import { type ReportedPhase, reportedPhase } from './rounds.ts'
import { type TimesReport, timesReport } from './times.ts'

/** Perplexities on one text. */
export interface SitePerplexity {
  text: string
  /** Number of predictions: windows * (window - 1). */
  tokens: number
  windows: number
  window: number
  base: number
  /** The model pruned by this site alone, on its own windows. null: not known, and not asked for with --alone. */
  alone: number | null
  together: number
}

/** The data that has left this site. */
interface LeftReport {
  /**
   * This site's contributions, by round and block. `time`: when it was announced (ISO 8601, UTC); `hash`: its name
   * among peers, and in contributions/; `to`: peer ids of the members that fetched it from here.
   */
  contributions: Array<{ round: number; block: number; time: string; bytes: number; hash: string; to: string[] }>
  /** Bytes of these contributions together. */
  payloadBytes: number
  /**
   * Bytes over this site's sockets, everything included: contributions of others that were passed on, votes,
   * connections.
   */
  sentBytes: number
  receivedBytes: number
  /** Those of the sent bytes that were blobs: this site's contributions, and all that it passed on for others. */
  ownBytes: number
  othersBytes: number
  /** Whether all of this is of one process. Not where an earlier one has taken part: its figures ended with it. */
  whole: boolean
}

/** The part that peer and join add to their report. */
export interface SiteReport {
  /** All sites, in the order of the plan. */
  members: Array<{ name: string; peer: string }>
  /** One entry a text. null: nothing was measured. */
  perplexity: SitePerplexity[] | null
  left: LeftReport
  /** All rounds. `maskChange`: the share of mask bits that moved. Those of a masked plan have a phase. */
  rounds: Array<
    Pick<CertifiedRound, 'round' | 'contributions' | 'uncovered'> & { maskChange: number } & Partial<ReportedPhase>
  >
  /** When members were heard, by this site's clock, since its process began; they are numbers in `members`. */
  times: TimesReport | null
  /** Messages of members that were not taken in: malformed or forged, or more than a member may send. */
  refused: RefusedMessages[]
  /** Seconds since the command began, waiting for others included. */
  seconds: number
  peakMemoryBytes: number
}

export interface SiteMeasures extends Pick<SiteReport, 'perplexity' | 'seconds' | 'peakMemoryBytes'> {
  /** Sentences that say why nothing was measured, or what is missing. */
  notes: string[]
}

type Told = Pick<
  PeerResult,
  'peerId' | 'members' | 'contributions' | 'traffic' | 'served' | 'times' | 'rounds' | 'refused' | 'goesOn'
>

export function siteReport(
  { peerId, members, contributions, traffic, served, times, rounds, refused, goesOn }: Told,
  { perplexity, seconds, peakMemoryBytes }: SiteMeasures,
): SiteReport {
  return {
    members: members.map(({ site: name, peerId: peer }) => ({ name, peer })),
    perplexity,
    left: {
      contributions: contributions.map(({ at, id: hash, ...rest }) => ({
        round: rest.round,
        block: rest.block,
        time: new Date(at).toISOString(),
        bytes: rest.bytes,
        hash,
        to: rest.to,
      })),
      payloadBytes: contributions.reduce((sum, { bytes: own }) => sum + own, 0),
      ...traffic,
      ownBytes: served.own,
      othersBytes: served.others,
      whole: !goesOn,
    },
    rounds: rounds.map(({ round, contributions, uncovered, moved, bits, masked }) => ({
      ...{ round, contributions, uncovered, maskChange: moved / bits, ...reportedPhase(masked) },
    })),
    times: timesReport(
      times,
      members.map((_, member) => member),
      new Map([[members.findIndex((member) => member.peerId === peerId), times]]),
    ),
    refused,
    seconds,
    peakMemoryBytes,
  }
}

/**
 * The most contributions that have a line each. More do not fit on a screen: then a line stands for a round, and
 * report.json has all.
 */
const MOST_LINES = 24

export function siteReportInWords(
  { members, perplexity: texts, left, rounds, refused, seconds, peakMemoryBytes }: SiteReport,
  notes: readonly string[],
): string[] {
  const names = new Map(members.map(({ name, peer }) => [peer, `${shown(name)} (${peer.slice(0, SHOWN_ID)}...)`]))
  const named = (to: readonly string[]) => to.map((peer) => names.get(peer) ?? peer).join(', ') || 'nobody'
  const isLong = left.contributions.length > MOST_LINES
  const listed = (isLong ? byRound(left) : each(left)).map(
    ({ what, time, size, to }) =>
      `  ${what}, ${time.slice(0, 19).replace('T', ' ')} UTC, ${bytes(size)}: fetched by ${named(to)}`,
  )
  const heading = `What has left this site, and who fetched it from here${isLong ? ' (each block: see report.json)' : ''}:`
  return [
    ...(texts ?? []).map(perplexityInWords),
    ...notes,
    ...(listed.length === 0 ? ['No contribution has left this site.'] : [heading, ...listed]),
    ...(left.whole ? [] : [notWhole(rounds.length)]),
    'Every member holds all contributions of the certificate; a member not listed here got them from another one.',
    ...(rounds.some(({ phase }) => phase !== undefined) ? [MASKED] : []),
    `${bytes(left.payloadBytes)} of contributions; ${bytes(left.sentBytes)} sent and ${bytes(left.receivedBytes)} received in all, in ${duration(seconds)}, with ${bytes(peakMemoryBytes)} of memory at most.`,
    ...(refused.length === 0 ? [] : [refusedInWords(refused, named)]),
  ]
}

const MASKED =
  'All of them are masked: others can read the sums alone. Keys, key sheets and reveals are not listed: by themselves ' +
  'they say nothing about the text.'

function notWhole(rounds: number): string {
  const certified = `the certificates tell of ${rounds === 1 ? 'the round' : `all ${rounds} rounds`}`
  return `The list and the bytes begin with this process: what an earlier one of this site sent is not in them; ${certified}.`
}

function refusedInWords(refused: readonly RefusedMessages[], named: (peers: readonly string[]) => string): string {
  const sum = (reason: 'rejected' | 'excess') => refused.reduce((total, counts) => total + counts[reason], 0)
  const by = refused.flatMap(({ peer }) => peer ?? [])
  const whose = by.length === 0 ? '' : `, of ${named(by)}`
  return `Not taken in: ${counted(sum('rejected'), 'malformed or forged message')}, and ${sum('excess')} beyond what a member may send${whose}.`
}

function perplexityInWords({ text, base, alone, together, windows, window }: SitePerplexity): string {
  const values = [
    `base ${perplexityText(base)}`,
    ...(alone === null ? [] : [`alone ${perplexityText(alone)}`]),
    `together ${perplexityText(together)}`,
  ]
  return `perplexity on ${text}: ${values.join(', ')} (lower is better; ${counted(windows, 'window')} of ${window})`
}

interface LeftLine {
  what: string
  time: string
  size: number
  to: string[]
}

function each({ contributions }: LeftReport): LeftLine[] {
  return contributions.map(({ round, block, time, bytes: size, hash, to }) => ({
    what: `round ${round}, block ${block}, ${hash.slice(0, 8)}`,
    time,
    size,
    to,
  }))
}

function byRound({ contributions }: LeftReport): LeftLine[] {
  return [...Map.groupBy(contributions, ({ round }) => round)].map(([round, own]) => ({
    what: `round ${round}, ${counted(own.length, 'block')}`,
    time: own[0].time,
    size: own.reduce((sum, { bytes: size }) => sum + size, 0),
    to: [...new Set(own.flatMap(({ to }) => to))],
  }))
}
