/**
 * The table at the end of a simulation. Rows are kinds of text. Columns are dense, each site alone, together after each
 * round or group with the bytes so far, FedSpaLLM's rule beside it, FedAvg, and all text in one place. Columns that
 * were not run are left out.
 */
import { bytes, perplexityText } from '../terminal/numbers.ts'
import type { PeerReport, PerplexityReport, ReportedRound } from './federation.ts'
import { table } from './table.ts'

/** The most sites that have a column each. With more, a terminal has no room: best, mean and worst stand for them. */
const MOST_SITE_COLUMNS = 5

/** The values known so far; before the first round `rounds` is empty. */
interface TableRow extends Pick<PerplexityReport, 'text' | 'window' | 'isolated' | 'isolatedFirst' | 'rounds'> {
  dense: number
  l0: number | null
  fedavg: number | null
  pooledText: number | null
}

interface ShownRound extends Pick<ReportedRound, 'round' | 'bytes'> {
  /** The round only prepares a later one, and has no column. */
  isPart?: boolean
  /** Where sites pool: the group of blocks that it prunes, from 1. */
  group?: number
}

interface Column {
  /** Two lines of heading. */
  heading: [string, string]
  value(row: TableRow): number
}

export function perplexityTable(
  rows: readonly TableRow[],
  peers: readonly Pick<PeerReport, 'site'>[],
  rounds: readonly ShownRound[],
): string {
  const columns: Column[] = [
    { heading: ['dense', ''], value: ({ dense }) => dense },
    ...(rows.every(({ isolatedFirst }) => isolatedFirst !== undefined) ? [firstColumn(peers.length)] : []),
    ...(rows.every(({ isolated }) => isolated !== null) ? isolatedColumns(peers) : []),
    ...roundColumns(rounds),
    ...(rows.every(({ l0 }) => l0 !== null) ? [l0Column] : []),
    ...(rows.every(({ fedavg }) => fedavg !== null) ? [fedavgColumn] : []),
    ...(rows.every(({ pooledText }) => pooledText !== null) ? [pooledTextColumn] : []),
  ]
  return table(
    [
      ['perplexity', ...columns.map(({ heading }) => heading[0])],
      [windowsInWords(rows), ...columns.map(({ heading }) => heading[1])],
      ...rows.map((row) => [row.text, ...columns.map(({ value }) => perplexityText(value(row)))]),
    ],
    2,
  )
}

/** Below "perplexity": the windows of all texts, if they are of one length. */
function windowsInWords(rows: readonly TableRow[]): string {
  const [first, ...others] = new Set(rows.map(({ window }) => window))
  return first === undefined || others.length > 0 ? 'on' : `windows of ${first}`
}

const l0Column: Column = { heading: ['by votes', '(l0)'], value: ({ l0 }) => l0 ?? Number.NaN }

const fedavgColumn: Column = { heading: ['FedAvg', ''], value: ({ fedavg }) => fedavg ?? Number.NaN }

const pooledTextColumn: Column = {
  heading: ['all text', 'in one place'],
  value: ({ pooledText }) => pooledText ?? Number.NaN,
}

/** The mean of the sites alone before any training. */
function firstColumn(peers: number): Column {
  const mean = ({ isolatedFirst }: TableRow) => (isolatedFirst ?? []).reduce((sum, value) => sum + value, 0) / peers
  return { heading: ['alone', 'mean, round 1'], value: mean }
}

function isolatedColumns(peers: readonly Pick<PeerReport, 'site'>[]): Column[] {
  const alone = ({ isolated }: TableRow) => isolated ?? []
  const mean: Column = {
    heading: ['alone', 'mean'],
    value: (row) => alone(row).reduce((sum, value) => sum + value, 0) / peers.length,
  }
  if (peers.length > MOST_SITE_COLUMNS) {
    return [
      { heading: ['alone', 'best'], value: (row) => Math.min(...alone(row)) },
      mean,
      { heading: ['alone', 'worst'], value: (row) => Math.max(...alone(row)) },
    ]
  }
  const each = peers.map(({ site }, i): Column => {
    return { heading: [i === 0 ? 'alone at' : '', site], value: (row) => alone(row)[i] }
  })
  return [...each, mean]
}

function roundColumns(rounds: readonly ShownRound[]): Column[] {
  let sum = 0
  return rounds.flatMap(({ round, group, bytes: written, isPart = false }, i): Column[] => {
    sum += written
    const name = group === undefined ? `round ${round}` : `group ${group}`
    return isPart ? [] : [{ heading: [name, `sent ${bytes(sum)}`], value: (row) => row.rounds[i] }]
  })
}

/** The cost of pruning at a site alone, and together, in a sentence; nothing where no site was pruned alone. */
export function costInWords(rows: readonly PerplexityReport[], peers: readonly Pick<PeerReport, 'site'>[]): string[] {
  const [first] = rows
  if (first === undefined || first.isolated === null) return []
  const mean = first.isolated.reduce((sum, value) => sum + value, 0) / first.isolated.length
  const better = rows.flatMap(({ text, isolated, federated }) => {
    const best = Math.min(...(isolated ?? []))
    const site = peers[isolated?.indexOf(best) ?? -1]?.site
    if (site === undefined || best >= federated) return []
    return [`on ${text} the site ${site} has ${perplexityText(best)} alone and ${perplexityText(federated)} together`]
  })
  const [dense, alone, together] = [first.dense, mean, first.federated].map(perplexityText)
  const cost = `Pruning takes ${first.text} from ${dense} to ${alone} at a site alone (the mean), and to ${together} together`
  return [`${[cost, ...better].join('; ')}.`]
}
