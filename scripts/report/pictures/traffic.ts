/** Bytes by site, and what they were. */
import { bytes } from '../../terminal/numbers.ts'
import { stacksChart } from '../html/charts/stacks.ts'
import type { Section } from '../html/section.ts'
import type { TimesReport } from '../times.ts'

interface Sent {
  site: string
  sentBytes: number
  receivedBytes: number
  ownBytes: number
  othersBytes: number
}

/** Bytes that each site has sent. @param sites - those whose sockets this report knows */
export function trafficSection(sites: readonly Sent[], protocol: readonly string[]): Section {
  // Two counters are read one after the other: a message may lie between.
  const rest = sites.map(({ sentBytes, ownBytes, othersBytes }) => Math.max(0, sentBytes - ownBytes - othersBytes))
  return {
    id: 'bytes',
    title: 'Bytes that were sent',
    read: `A bar is all that a site has sent. The first part is its own contributions, once for each member that fetched them from it.`,
    charts: [
      stacksChart({
        label: 'Bytes sent by each site, by what they were',
        rows: sites.map(({ site }) => site),
        parts: [
          { name: 'own contributions', colour: 'blue', values: sites.map(({ ownBytes }) => ownBytes) },
          { name: 'passed on for others', colour: 'sky', values: sites.map(({ othersBytes }) => othersBytes) },
          { name: 'votes, greetings, encryption', colour: 'gold', values: rest },
        ],
        format: bytes,
      }),
    ],
    protocol: [
      'Counted at the sockets: handshakes and encryption included, headers of TCP and IP not.',
      'Passed on are contributions of others, lists of contributions, and in masked plans keys, key sheets and reveals.',
      ...protocol,
    ],
    table: {
      head: ['site', 'sent', 'own contributions', 'passed on', 'the rest', 'received'],
      rows: sites.map(({ site, sentBytes, ownBytes, othersBytes, receivedBytes }, i) => [
        site,
        ...[sentBytes, ownBytes, othersBytes, rest[i], receivedBytes].map(String),
      ]),
    },
  }
}

/** Bytes that each site has offered, as its commit lists say: all that one site knows of the others' bytes. */
export function offersSection({ rounds }: TimesReport, sites: readonly string[]): Section | null {
  const offered = (member: number) =>
    rounds
      .flatMap(({ sent }) => sent.flatMap((one) => (one.member === member ? [one.bytes ?? 0] : [])))
      .reduce((sum, own) => sum + own, 0)
  const totals = sites.map((_, member) => offered(member))
  if (totals.every((total) => total === 0)) return null
  return {
    id: 'offers',
    title: 'Bytes that each site has offered',
    read: 'A bar is the size of all contributions of a site: what every member that takes part has to fetch of it.',
    charts: [
      stacksChart({
        label: 'Bytes of the contributions of each site',
        rows: sites,
        parts: [{ name: 'contributions', colour: 'blue', values: totals }],
        format: bytes,
      }),
    ],
    protocol: ['As the commit lists say that this site has heard since its process began.'],
    table: { head: ['site', 'bytes'], rows: sites.map((site, i) => [site, String(totals[i])]) },
  }
}
