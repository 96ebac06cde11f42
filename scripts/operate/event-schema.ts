/**
 * The shapes of the events of peer, join and resume: lines of --json=lines on stdout, and, with a level, of --log-file.
 * docs/reference/logs-and-metrics.md is made from them, and the tests read real lines with them.
 */
import { z } from 'zod'
import { count, hash, memberReportSchema, phase, planSchema, share, site } from './report-schema.ts'

const round = count.describe('number of the round, from 1')
const federation = hash.describe("the federation's id: the plan's hash")
const out = z.string().describe('directory of the results')
const members = z.array(site).describe('all sites, in the order of the plan: an index in other events is one of these')

const plan = planSchema.describe('the terms that all have signed, see below')

const shapes = {
  start: {
    command: z.string().describe('peer, join or resume'),
    coppice: z.string().describe('version of the program'),
    node: z.string().describe('version of Node'),
    pid: count.describe('id of the process'),
  },
  retrying: {
    address: z.string().describe("the founder's address, which does not answer"),
    patienceMs: count.describe('it is tried for so long'),
  },
  listening: {
    addresses: z.array(z.string()).describe('the best first; none where this site only dials out'),
  },
  invitation: {
    line: z.string().describe('the line to join with: a secret, which a log has as "[redacted]"'),
  },
  waiting: {
    sites: z.array(site).describe('those that are here, the founder first'),
    members: count.describe('how many are wanted'),
  },
  signing: {
    signed: z.array(site).describe('those that have signed'),
    missing: z.array(site).describe('those that have not'),
  },
  founded: { federation, out, members, plan },
  goingOn: { federation, out, members, plan, round: round.describe('the round that is held now') },
  abstains: {
    refused: z.string().describe("why the journal of an earlier run is not taken: this site's votes may be lost"),
    until: count.describe('the last round in which this site signs nothing'),
  },
  neighbours: {
    connected: count.describe('members that this site is connected to'),
    members: count.describe('all members'),
  },
  step: {
    round,
    attempt: count.describe('from 0: each has another proposer'),
    step: z.enum(['collect', 'propose', 'prevote', 'precommit', 'adopt', 'serve', 'stopped']),
  },
  standing: {
    round,
    sent: z.array(count).describe('members that have announced their part of the round, by index'),
    awaited: z.array(count).describe('members that have not, and are waited for, by index'),
    needed: count.describe('members that must have sent before the wait for the others has an end'),
    until: count.nullable().describe('when that wait ends, in milliseconds since 1970; null: it has no end yet'),
  },
  prune: { round, done: count.describe('blocks or steps that are finished'), total: count },
  contributions: {
    round,
    held: count.describe('contributions that are here and were found good, its own among them'),
    known: count.describe('contributions that members have announced'),
  },
  announced: {
    round,
    contributions: z
      .array(z.strictObject({ block: count, hash, bytes: count }))
      .describe("this site's own, which the others fetch from now on"),
  },
  lacks: {
    certificate: hash.describe('id of the last certificate, which names it'),
    member: count.describe('index of its author'),
    block: count,
    hash: hash.describe('of the contribution that is damaged or gone here, and is asked of all'),
  },
  sent: { round, member: count.describe('index of a member that is done with its work of the round') },
  offers: { round, member: count, bytes: count.describe('of all that this member offers in the round') },
  proposed: { round, attempt: count, member: count.describe('index of the proposer') },
  round: {
    round,
    certificate: hash.describe('its id'),
    root: hash.describe('of the merged model'),
    contributions: count.describe('those that were merged'),
    uncovered: z.array(count).describe('blocks that have base weights so far'),
    maskChange: share.describe('share of the mask bits that the round has changed'),
    ...phase,
    sentBytes: count.describe("bytes over this process's sockets until then"),
    receivedBytes: count,
  },
  note: { text: z.string().describe('why the round did something, in a sentence; its wording may change') },
  warning: { text: z.string().describe('what is strange, in a sentence; its wording may change') },
  writing: { out },
  serving: {},
  result: {
    federation,
    root: hash.describe('of the merged model'),
    out,
    report: memberReportSchema.optional().describe('the report, see below; a log does not have it'),
  },
  error: {
    code: z.string().describe('stable, see errors.md; INTERRUPTED: it was stopped'),
    exit: count.describe('exit code of the command'),
    what: z.string().describe('what is wrong and where'),
    hint: z.string().describe('what to do about it'),
  },
} as const

type EventName = keyof typeof shapes

function schemaOf<const Name extends EventName>(event: Name) {
  return z.strictObject({ event: z.literal(event), ...shapes[event] })
}

/** One schema an event, by its name, in the order in which events can come. */
export const eventSchemas = Object.fromEntries(
  (Object.keys(shapes) as EventName[]).map((name) => [name, schemaOf(name)]),
) as unknown as { [Name in EventName]: ReturnType<typeof schemaOf<Name>> }

/** An event as programs read it. */
export type EventLine = { [Name in EventName]: z.infer<(typeof eventSchemas)[Name]> }[EventName]
