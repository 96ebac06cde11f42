/**
 * The journal: the bodies that a peer has signed in the rounds of one federation, in a write-ahead log. A record is the
 * plan's id and a body as it was encoded for the wire.
 *
 * A journal must prove that it is whole, since one that has lost a vote would let its owner vote again: how many
 * records it must have is durable elsewhere (signed-plans.ts), since it may be lost with its whole directory. A journal
 * that is missing, shorter, damaged or of another plan is set aside, and its owner abstains: it signs nothing in the
 * rounds in which it may have signed before.
 */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Body, decodeBody, encodeBody, isBinding } from '../../protocols/round/messages/messages.ts'
import { equalBytes, HASH_BYTES } from '../../protocols/wire/encoding.ts'
import { OutputError } from '../../src/base/errors.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import type { SentUnderPlan, SignedPlans } from './signed-plans.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** The name of the log in the directory of the federation. */
const JOURNAL_FILE = 'journal.wal'
/** The ending of the name of a journal that was set aside. */
const ASIDE = '.refused'

interface JournalInit {
  /** The directory of the federation, in the data directory. */
  directory: string
  /** Its id. */
  plan: Uint8Array
  /** The certificates that this peer holds. It has signed in the next round at most, as far as they tell. */
  rounds: number
  /** The log of what this site has signed. */
  signed: SignedPlans
}

/** The state in which a journal was found. */
interface Found {
  bodies: Body[]
  abstainsUntil: number
  refused: string | null
}

export class Journal {
  readonly directory: string
  /** Bodies that were signed before this process, oldest first. */
  readonly bodies: Body[]
  /** The last round in which nothing may be signed; 0: there is none. */
  readonly abstainsUntil: number
  /** Why the journal of an earlier run was set aside now; null: it was not. */
  readonly refused: string | null
  private readonly plan: Uint8Array
  private readonly log: WriteAheadLog
  private readonly signed: SignedPlans

  private constructor({ directory, plan, signed }: JournalInit, log: WriteAheadLog, found: Found) {
    this.directory = directory
    this.plan = plan
    this.log = log
    this.signed = signed
    this.bodies = found.bodies
    this.abstainsUntil = found.abstainsUntil
    this.refused = found.refused
  }

  /** Opens a journal, and makes it where there is none. @throws {OutputError} OUTPUT_UNWRITABLE */
  static async open(init: JournalInit): Promise<Journal> {
    const { directory, plan, rounds, signed } = init
    const path = join(directory, JOURNAL_FILE)
    const sent = signed.sent(plan)
    const { log, records, damage } = await openLog(path)
    const { bodies, fault } = read(records, plan)
    const refused = damage ?? fault ?? countFault(bodies.length, sent)
    if (refused === null) {
      // A crash between the two files: the record counts as sent.
      for (const body of bodies.slice(sent?.count)) await signed.countSent(plan, roundOf(body))
      return new Journal(init, log, { bodies, abstainsUntil: sent?.abstainsUntil ?? 0, refused })
    }
    const before = sent === null ? [] : [sent.last, sent.abstainsUntil]
    const abstainsUntil = Math.max(rounds + 1, ...before, ...bodies.map(roundOf))
    await signed.abstain(plan, abstainsUntil)
    await log.close()
    if (damage === null) await setAside(path)
    return new Journal(init, (await openLog(path)).log, { bodies: [], abstainsUntil, refused })
  }

  /** Writes a body; returns when it is on the disk, and counted. Only then may it be signed. */
  async writeBody(body: Body): Promise<void> {
    await this.log.append(Uint8Array.of(...this.plan, ...encodeBody(body)))
    await this.signed.countSent(this.plan, roundOf(body))
  }

  /** Whether a body must not be signed, since another one may have been signed in its round. */
  abstains(body: Body): boolean {
    return isBinding(body) && body.round <= this.abstainsUntil
  }

  close(): Promise<void> {
    return this.log.close()
  }
}

interface OpenedLog {
  log: WriteAheadLog
  records: Uint8Array[]
  /** The damage for which a log was set aside already; null: it could be read. */
  damage: string | null
}

async function openLog(path: string): Promise<OpenedLog> {
  try {
    const { log, facts } = await openWriteAheadLog(path, asItIs)
    return { log, records: facts, damage: null }
  } catch (error) {
    if (!(error instanceof OutputError) || error.code !== 'OUTPUT_LOG_DAMAGED') throw error
    await setAside(path)
    const { log, facts } = await openWriteAheadLog(path, asItIs)
    return { log, records: facts, damage: error.message }
  }
}

/** The bodies of a journal up to the first that is none of this plan, and the reason why it is not whole. */
function read(records: readonly Uint8Array[], plan: Uint8Array): { bodies: Body[]; fault: string | null } {
  const bodies: Body[] = []
  for (const record of records) {
    if (!equalBytes(record.subarray(0, HASH_BYTES), plan)) return { bodies, fault: 'it is of another federation' }
    try {
      bodies.push(decodeBody(record.subarray(HASH_BYTES)))
    } catch {
      return { bodies, fault: `record ${bodies.length} of it is damaged` }
    }
  }
  return { bodies, fault: null }
}

function countFault(has: number, sent: SentUnderPlan | null): string | null {
  if (sent === null) return 'the count of its records is gone'
  // The last record may be uncounted, if a crash came between the two files.
  if (has === sent.count || has === sent.count + 1) return null
  return `it has ${has} records, and ${sent.count} are counted`
}

async function setAside(path: string): Promise<void> {
  try {
    await rename(path, `${path}${ASIDE}`)
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** The round that a body is of; 0 for evidence, which binds nobody. */
function roundOf(body: Body): number {
  return 'round' in body ? body.round : 0
}

/** A record is read later: one that is unknown sets the journal aside. */
function asItIs(record: Uint8Array): Uint8Array {
  return record
}
