/** The timeline of a federation: who was done when, and who was waited for. */
import { duration } from '../../terminal/numbers.ts'
import { lanesChart } from '../html/charts/lanes.ts'
import type { Section } from '../html/section.ts'
import { type RoundTimesReport, type TimesReport, waitsOf } from '../times.ts'

/** The most rounds in the picture: with more, only the last of them are drawn, and the table has all. */
const MOST_ROUNDS = 40
/** A wait that is shorter is not drawn: every message takes some time. */
const LEAST_WAIT_SECONDS = 0.5

interface Timeline {
  times: TimesReport
  /** Names of the report's sites. */
  sites: readonly string[]
  /** The site whose clock it is. */
  clock: string
  protocol: readonly string[]
}

export function timesSection({ times, sites, clock, protocol }: Timeline): Section {
  const drawn = times.rounds.slice(-MOST_ROUNDS)
  const zero = drawn[0]?.began ?? 0
  const moment = (seconds: number) => seconds - zero
  const end = Math.max(0.1, ...drawn.flatMap(lastOf).map(moment))
  const waits = waitsOf(times).filter(({ from, to }) => to - from >= LEAST_WAIT_SECONDS)
  const shownWaits = waits.filter(({ round }) => round >= (drawn[0]?.round ?? 0))
  return {
    id: 'timeline',
    title: 'Who was done when',
    read: readOf(waits, sites),
    charts: [
      lanesChart({
        label: 'Timeline of the rounds: work, messages and waits of each site',
        lanes: sites,
        end,
        bands: drawn.map(({ round, began, ended }) => ({
          name: `round ${round}`,
          from: moment(began),
          to: moment(ended ?? zero + end),
        })),
        bars: [
          ...shownWaits.map(({ member, from, to }) => {
            return { lane: member, from: moment(from), to: moment(to), colour: 'gold' as const, isThin: true }
          }),
          ...drawn.flatMap(({ worked }) =>
            worked.map(({ member, from, to }) => {
              return { lane: member, from: moment(from), to: moment(to), colour: 'sky' as const }
            }),
          ),
        ],
        marks: drawn.flatMap(({ sent, proposed }) => [
          ...sent.map(({ member, at }) => {
            return { lane: member, at: moment(at), colour: 'blue' as const, shape: 'circle' as const }
          }),
          ...proposed.map(({ member, at }) => {
            return { lane: member, at: moment(at), colour: 'orange' as const, shape: 'diamond' as const }
          }),
        ]),
        key: [
          { colour: 'blue', name: 'is done: others may fetch', shape: 'circle' },
          { colour: 'orange', name: 'proposes the result', shape: 'diamond' },
          ...(drawn.some(({ worked }) => worked.length > 0)
            ? [{ colour: 'sky' as const, name: 'works', shape: 'rect' as const }]
            : []),
          ...(shownWaits.length > 0
            ? [{ colour: 'gold' as const, name: 'all others wait for it', shape: 'bar' as const }]
            : []),
        ],
        format: (seconds) => duration(seconds + zero),
      }),
    ],
    protocol: [
      `Times are seconds since ${times.began.slice(0, 19).replace('T', ' ')} UTC by the clock of ${clock}, when it heard of each site.`,
      `A site is waited for from the moment when the one before it is done (waits below ${LEAST_WAIT_SECONDS} s are not drawn).`,
      ...(times.rounds.length > drawn.length
        ? [`The picture has the last ${drawn.length} of ${times.rounds.length} rounds, the table all.`]
        : []),
      ...protocol,
    ],
    table: {
      head: [
        'round',
        'site',
        'round began',
        'works from',
        'to',
        'is done',
        'offers (bytes)',
        'proposes',
        'round ended',
      ],
      rows: times.rounds.flatMap((round) => rowsOf(round, sites)),
    },
  }
}

/** One row a site that was heard in a round. */
function rowsOf(
  { round, began, worked, sent, proposed, ended }: RoundTimesReport,
  sites: readonly string[],
): string[][] {
  const text = (seconds: number | null | undefined) => (seconds == null ? '–' : seconds.toFixed(1))
  return sites.flatMap((site, at) => {
    const work = worked.find(({ member }) => member === at)
    const done = sent.find(({ member }) => member === at)
    const proposal = proposed.find(({ member }) => member === at)
    if ((work ?? done ?? proposal) === undefined) return []
    const [from, to, offered] = [text(work?.from), text(work?.to), String(done?.bytes ?? '–')]
    return [[String(round), site, text(began), from, to, text(done?.at), offered, text(proposal?.at), text(ended)]]
  })
}

function lastOf({ began, worked, sent, proposed, ended }: TimesReport['rounds'][number]): number[] {
  const moments = [...worked.map(({ to }) => to), ...sent.map(({ at }) => at), ...proposed.map(({ at }) => at)]
  return [began, ...moments, ...(ended === null ? [] : [ended])]
}

/** Who was waited for, in words. */
function readOf(waits: ReturnType<typeof waitsOf>, sites: readonly string[]): string {
  const seconds = sites.map((_, site) => {
    return waits.filter(({ member }) => member === site).reduce((sum, { from, to }) => sum + to - from, 0)
  })
  const most = Math.max(0, ...seconds)
  if (most < LEAST_WAIT_SECONDS)
    return 'Nobody was waited for: in each round all sites were done at nearly the same time.'
  return `The longest waits were for ${sites[seconds.indexOf(most)]}: ${duration(most)} in all, in which the others had nothing to do.`
}
