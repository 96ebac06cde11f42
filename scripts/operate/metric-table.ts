/** The metrics of a peer, a line each. docs/reference/logs-and-metrics.md has this table. */
import { id8 } from '../../protocols/wire/encoding.ts'
import { VERSION } from '../paths.ts'
import { type PeerFacts, PHASES } from './peer-facts.ts'

export interface PeerMetric {
  name: string
  help: string
  /** A counter only grows while the process lives. */
  type: 'gauge' | 'counter'
  /** The label by which its values differ; undefined: it has one value. */
  label?: string
  /** The value, or the values by their label. */
  read(facts: PeerFacts): number | Array<[label: string, value: number]>
}

type Read = (facts: PeerFacts) => number
type ReadAll = (facts: PeerFacts) => Array<[label: string, value: number]>

const gauge = (name: string, help: string, read: Read): PeerMetric => ({ name, help, type: 'gauge', read })
const counter = (name: string, help: string, read: Read): PeerMetric => ({ name, help, type: 'counter', read })
const by = (label: string, name: string, help: string, read: ReadAll): PeerMetric => ({
  ...gauge(name, help, () => 0),
  label,
  read,
})

export const PEER_METRICS: readonly PeerMetric[] = [
  by('version', 'coppice_build', '1; the label has the version of the program', () => [[VERSION, 1]]),
  by('federation', 'coppice_federation', '1; the label has the first digits of the id', ({ plan }) =>
    plan === null ? [] : [[id8(plan.id), 1]],
  ),
  by(
    'phase',
    'coppice_phase',
    '1 for the phase of founding, or the step of the round, that this site is in; 0 for others',
    (facts) => PHASES.map((phase) => [phase, phase === facts.phase ? 1 : 0]),
  ),
  gauge('coppice_members', 'members of the plan; before it is signed those that are wanted', ({ members }) => members),
  gauge('coppice_sites_missing', 'sites that founding still waits for', ({ missing }) => missing),

  gauge('coppice_rounds', 'most rounds that the plan has', ({ rounds }) => rounds),
  gauge('coppice_round', 'round that is held', ({ round }) => round),
  gauge(
    'coppice_attempt',
    'attempt within the round, from 0: it grows when votes have failed',
    ({ attempt }) => attempt,
  ),
  gauge('coppice_rounds_certified', 'rounds that have ended with a certificate', ({ certified }) => certified),
  gauge(
    'coppice_certified_timestamp_seconds',
    'when this process took over the last certificate; 0: none yet',
    (facts) => facts.certifiedAt / 1000,
  ),
  gauge('coppice_work_steps', "blocks or steps of this site's own work in the round", ({ work }) => work.total),
  gauge('coppice_work_steps_done', 'those of them that are finished', ({ work }) => work.done),
  gauge(
    'coppice_contributions_known',
    'contributions to the round that members have announced',
    ({ contributions }) => contributions.known,
  ),
  gauge(
    'coppice_contributions_held',
    'those of them that are here and were found good',
    ({ contributions }) => contributions.held,
  ),
  by('timer', 'coppice_deadline_seconds', 'seconds until a wait of the round ends', (facts) => facts.deadlines()),

  gauge('coppice_neighbours', 'members that this site is connected to', ({ node }) => node?.neighbours().size ?? 0),
  gauge('coppice_members_heard', 'members that were heard lately, this one included', ({ heard }) => heard),
  by('member', 'coppice_member_silence_seconds', 'seconds since another member was heard', (facts) => facts.silences()),
  counter('coppice_messages_rejected_total', 'messages that were malformed or forged', (facts) =>
    facts.refused('rejected'),
  ),
  counter('coppice_messages_excess_total', 'messages beyond what a member may send', (facts) =>
    facts.refused('excess'),
  ),

  counter(
    'coppice_sent_bytes_total',
    "bytes written to this process's sockets",
    ({ node }) => node?.traffic().sentBytes ?? 0,
  ),
  counter(
    'coppice_received_bytes_total',
    "bytes read from this process's sockets",
    ({ node }) => node?.traffic().receivedBytes ?? 0,
  ),
  gauge(
    'coppice_peak_memory_bytes',
    'most memory of the command and of the largest process that computes for it',
    ({ engine }) => engine?.peakMemoryBytes ?? 0,
  ),
]
