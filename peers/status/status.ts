/** How a peer does: what `coppice status --json` prints. docs/reference/status.md describes every field. */
import { z } from 'zod'

/**
 * The work of a peer at the moment. `founding`: sites join; `signing`: all are there, and sign; `working`: it makes its
 * own part of a round; `waiting`: for the parts of others; `checking`: it takes them in; `merging`, `voting`,
 * `writing`; `serving`: others may still need something; `stopped`: no peer runs, and the federation is not finished;
 * `finished`.
 */
export const PHASES = [
  'founding',
  'signing',
  'working',
  'waiting',
  'checking',
  'merging',
  'voting',
  'writing',
  'serving',
  'stopped',
  'finished',
] as const

/** ISO 8601, in UTC. */
const time = z.iso.datetime()
const count = z.number().int().nonnegative()

const memberSchema = z.strictObject({
  site: z.string(),
  /** Peer id as text. */
  peer: z.string(),
  self: z.boolean(),
  /** Whether its part of this round has been announced; null: not known, or the round collects nothing now. */
  sent: z.boolean().nullable(),
  /** Whether it is waited for. */
  awaited: z.boolean(),
  /** Whether there is a direct link to it; null: no peer runs. */
  connected: z.boolean().nullable(),
  /** When a message of it was taken in last, through whomever; null: not since this peer began. */
  heard: time.nullable(),
})

export const statusSchema = z.strictObject({
  /** Whether a peer runs: otherwise all this is from the disk. */
  running: z.boolean(),
  /** Its process; null: none runs. */
  pid: count.nullable(),
  /** The data directory, absolute. */
  data: z.string(),
  /** The federation's id; null: it is not founded yet. */
  federation: z.string().nullable(),
  phase: z.enum(PHASES),
  /** The round that is held, from 1, and all rounds; null: not founded yet. */
  round: count.nullable(),
  rounds: count.nullable(),
  /** The attempt to agree on this round, from 1. */
  attempt: count,
  /** This site's own part of the round; null: it is not at work. */
  work: z.strictObject({ done: count, total: count }).nullable(),
  /** The forecast of the whole command: a share below 1, and seconds; null: none yet. */
  progress: z.strictObject({ share: z.number(), secondsLeft: z.number() }).nullable(),
  /** The members that the plan has, or shall have; null: not known yet. */
  size: count.nullable(),
  /** In the order of the roster; before there is one, the sites that have joined. */
  members: z.array(memberSchema),
  /** How many members must have sent before the wait for the others has an end; null: nothing is collected now. */
  needed: count.nullable(),
  /** When the wait for the others ends; null: it has no end yet, or nobody is waited for. */
  deadline: time.nullable(),
  /** Over this process's sockets, and of this site's contributions; null: no peer runs. */
  bytes: z.strictObject({ sent: count, received: count, contributions: count }).nullable(),
  /** Bytes of the peer's process now, and the peak with its largest process of the engine; null: no peer runs. */
  memory: z.strictObject({ now: count, peak: count }).nullable(),
  /** Messages that were not taken in, by the member that each is held against. `peer` null: nobody can be told. */
  refused: z.array(z.strictObject({ peer: z.string().nullable(), rejected: count, excess: count })),
  /** Where the results go; null: not known. */
  out: z.string().nullable(),
  /** When the federation was founded; null: it is not. */
  began: time.nullable(),
  /** Ids of the other federations of this data directory that are not finished. */
  others: z.array(z.string()),
})

export type PeerStatus = z.infer<typeof statusSchema>

/** Time as JSON has it. @param at - milliseconds since 1970 */
export function timeText(at: number): string {
  return new Date(at).toISOString()
}
