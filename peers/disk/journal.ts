/**
 * The journal: the bodies that a peer has signed in the rounds of one federation, in a write-ahead log. A record is the
 * plan's id and a body as it was encoded for the wire.
 *
 * A journal must prove that it is whole, since one that has lost a vote would let its owner vote again: how many
 * records it must have is durable beside it (rounds-sent.ts). A journal that is missing, shorter, damaged or of another
 * plan is set aside, and its owner abstains: it signs nothing in the rounds in which it may have signed before.
 */
import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Body, decodeBody, encodeBody, isBinding } from '../../protocols/round/messages/messages.ts'
import { equalBytes, HASH_BYTES } from '../../protocols/wire/encoding.ts'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { RoundsSent } from './rounds-sent.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** The name of the log in the directory of the federation. */
const JOURNAL_FILE = 'journal.wal'
const SENT_FILE = 'journal.sent'
/** The last round in which this peer abstains, in decimals. */
const ABSTENTION_FILE = 'abstains'
/** The ending of the name of a journal that was set aside. */
const ASIDE = '.refused'

interface JournalInit {
  /** The directory of the federation, in the data directory. */
  directory: string
  /** Its id. */
  plan: Uint8Array
  /** The certificates that this peer holds. It has signed in the next round at most, as far as they tell. */
  rounds: number
}

/** The state in which a journal was found. */
interface Found {
  bodies: Body[]
  abstainsUntil: number
  refused: string | null
}

export class Journal {
  /** Bodies that were signed before this process, oldest first. */
  readonly bodies: Body[]
  /** The last round in which nothing may be signed; 0: there is none. */
  readonly abstainsUntil: number
  /** Why the journal of an earlier run was set aside now; null: it was not. */
  readonly refused: string | null
  private readonly plan: Uint8Array
  private readonly log: WriteAheadLog<Uint8Array>
  private readonly sent: RoundsSent

  private constructor(plan: Uint8Array, { log, sent }: Files, found: Found) {
    this.plan = plan
    this.log = log
    this.sent = sent
    this.bodies = found.bodies
    this.abstainsUntil = found.abstainsUntil
    this.refused = found.refused
  }

  /**
   * Begins a journal in the directory of a federation, before the plan is signed: from then on it must be there. One
   * that is there already stays. @throws {OutputError} OUTPUT_UNWRITABLE
   */
  static async begin(directory: string): Promise<void> {
    const { log, sent } = await openFiles(directory)
    await log.close()
    await sent.close()
  }

  /** A journal that is missing has been lost. @throws {OutputError} OUTPUT_UNWRITABLE */
  static async open({ directory, plan, rounds }: JournalInit): Promise<Journal> {
    const before = await abstention(directory)
    const isLost = [JOURNAL_FILE, SENT_FILE].some((name) => !existsSync(join(directory, name)))
    const least = Math.max(before, rounds + 1)
    if (isLost) await abstain(directory, least) // opening makes files that are not there
    const files = await openFiles(directory)
    const { bodies, fault } = read(files, plan)
    const refused = isLost ? 'it was there before, and is gone' : fault
    if (refused === null) {
      // A crash between the two files: the record counts as sent.
      for (const body of bodies.slice(files.sent.rounds.length)) await files.sent.append(roundOf(body))
      return new Journal(plan, files, { bodies, abstainsUntil: before, refused })
    }
    const abstainsUntil = Math.max(least, ...files.sent.rounds, ...bodies.map(roundOf))
    await abstain(directory, abstainsUntil)
    await setAside(directory, files)
    return new Journal(plan, await openFiles(directory), { bodies: [], abstainsUntil, refused })
  }

  /** Writes a body; returns when it is on the disk, and counted. Only then may it be signed. */
  async writeBody(body: Body): Promise<void> {
    await this.log.append(Uint8Array.of(...this.plan, ...encodeBody(body)))
    await this.sent.append(roundOf(body))
  }

  /** Whether a body must not be signed, since another one may have been signed in its round. */
  abstains(body: Body): boolean {
    return isBinding(body) && body.round <= this.abstainsUntil
  }

  async close(): Promise<void> {
    await this.log.close()
    await this.sent.close()
  }
}

interface Files {
  log: WriteAheadLog<Uint8Array>
  /** The damage for which a log was set aside already; null: it could be read. */
  damage: string | null
  sent: RoundsSent
}

async function openFiles(directory: string): Promise<Files> {
  const sent = await RoundsSent.open(join(directory, SENT_FILE))
  const path = join(directory, JOURNAL_FILE)
  try {
    return { log: await openWriteAheadLog(path, asItIs), damage: null, sent }
  } catch (error) {
    if (!(error instanceof OutputError) || error.code !== 'OUTPUT_LOG_DAMAGED') throw error
    await rename(path, `${path}${ASIDE}`)
    return { log: await openWriteAheadLog(path, asItIs), damage: error.message, sent }
  }
}

async function abstain(directory: string, round: number): Promise<void> {
  await writeDurably(join(directory, ABSTENTION_FILE), Buffer.from(`${round}\n`))
}

/** The bodies of a journal up to the first that is none of this plan, and the reason why it is not whole. */
function read({ damage, log, sent }: Files, plan: Uint8Array): { bodies: Body[]; fault: string | null } {
  const bodies: Body[] = []
  if (damage !== null) return { bodies, fault: damage }
  for (const record of log.facts) {
    if (!equalBytes(record.subarray(0, HASH_BYTES), plan)) return { bodies, fault: 'it is of another federation' }
    try {
      bodies.push(decodeBody(record.subarray(HASH_BYTES)))
    } catch {
      return { bodies, fault: `record ${bodies.length} of it is damaged` }
    }
  }
  const [has, counted] = [bodies.length, sent.rounds.length]
  // The last record may be uncounted, if a crash came between the two files.
  const isWhole = has === counted || has === counted + 1
  return { bodies, fault: isWhole ? null : `it has ${has} records, and ${counted} are counted beside it` }
}

async function setAside(directory: string, { damage, log, sent }: Files): Promise<void> {
  await log.close()
  await sent.close()
  const path = join(directory, JOURNAL_FILE)
  try {
    if (damage === null) await rename(path, `${path}${ASIDE}`)
    await rm(join(directory, SENT_FILE))
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** The last round in which an earlier run has decided to abstain; 0: there is none. */
async function abstention(directory: string): Promise<number> {
  const path = join(directory, ABSTENTION_FILE)
  try {
    return Number.parseInt(await readFile(path, 'utf8'), 10)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
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
