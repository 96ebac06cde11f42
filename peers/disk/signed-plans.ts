/**
 * The log of all that a site has signed, a write-ahead log beside its federations: plans, at most one for each offer,
 * and for each plan how many records its journal has. A federation's directory can be lost; what was sent under its
 * plan is still known here. A record is one of
 *   signed    offer hash, plan id
 *   sent      plan id, 0, round (u16, little-endian): the journal has one more record, which is of this round
 *   abstains  plan id, 1, round: the journal begins anew, and its owner abstains up to this round
 */
import { join } from 'node:path'
import { type Plan, type PlanSignature, signPlan } from '../../protocols/plan/plan.ts'
import { HASH_BYTES, toHex } from '../../protocols/wire/encoding.ts'
import type { Signer } from '../../protocols/wire/signing.ts'
import { OutputError } from '../../src/base/errors.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** The name of the log in the data directory. */
export const PLANS_FILE = 'plans.wal'

type SignedRecord =
  | { type: 'signed'; plan: Uint8Array; offer: Uint8Array }
  | { type: RoundType; plan: Uint8Array; round: number }

/** The types, by the number that stands in the record. */
const ROUND_TYPES = ['sent', 'abstains'] as const
type RoundType = (typeof ROUND_TYPES)[number]

/** The messages that were sent under a plan. */
export interface SentUnderPlan {
  /** The number of records that the journal must have. */
  count: number
  /** The last round of such a record; 0: there is none. */
  last: number
  /** The last round in which nothing may be signed; 0: there is none. */
  abstainsUntil: number
}

export class SignedPlans {
  private readonly log: WriteAheadLog
  /** Plan ids by offer, both in hexadecimal. */
  private readonly byOffer = new Map<string, string>()
  /** One entry a plan, by its id. */
  private readonly sentUnder = new Map<string, SentUnderPlan>()

  private constructor(log: WriteAheadLog, records: readonly SignedRecord[]) {
    this.log = log
    for (const record of records) this.take(record)
  }

  /** @throws {OutputError} OUTPUT_LOG_DAMAGED, OUTPUT_UNWRITABLE */
  static async open(directory: string): Promise<SignedPlans> {
    const { log, facts } = await openWriteAheadLog(join(directory, PLANS_FILE), readRecord)
    return new SignedPlans(log, facts)
  }

  /** Whether this very plan was signed before. */
  has({ id, offerHash }: Plan): boolean {
    return this.byOffer.get(toHex(offerHash)) === toHex(id)
  }

  /**
   * Signs a plan after the record of it is on the disk. A second plan for the same offer is never signed.
   * @throws {OutputError} OUTPUT_SIGNED_ANOTHER_PLAN: this site has signed another plan for this offer
   */
  async sign(signer: Signer, plan: Plan): Promise<PlanSignature> {
    const { id, offerHash } = plan
    if (!this.byOffer.has(toHex(offerHash))) await this.append({ type: 'signed', plan: id, offer: offerHash })
    else if (!this.has(plan)) {
      throw new OutputError({
        code: 'OUTPUT_SIGNED_ANOTHER_PLAN',
        what: 'this peer has signed another plan for this offer already',
        hint: 'A member signs one plan an offer. Ask the founder for a new offer.',
      })
    }
    return signPlan(signer, plan)
  }

  /** The messages that were sent under the plan of this id; null: nothing is known of it, so this log was lost. */
  sent(plan: Uint8Array): Readonly<SentUnderPlan> | null {
    return this.sentUnder.get(toHex(plan)) ?? null
  }

  /** Counts one more record of the journal; returns when that is on the disk. */
  countSent(plan: Uint8Array, round: number): Promise<void> {
    return this.append({ type: 'sent', plan, round })
  }

  /** The journal begins anew, without a record. Returns when that is on the disk. */
  abstain(plan: Uint8Array, until: number): Promise<void> {
    return this.append({ type: 'abstains', plan, round: until })
  }

  close(): Promise<void> {
    return this.log.close()
  }

  private async append(record: SignedRecord): Promise<void> {
    await this.log.append(encodeRecord(record))
    this.take(record)
  }

  private take(record: SignedRecord): void {
    const plan = toHex(record.plan)
    const before = this.sentUnder.get(plan) ?? { count: 0, last: 0, abstainsUntil: 0 }
    this.sentUnder.set(plan, afterRecord(before, record))
    if (record.type === 'signed') this.byOffer.set(toHex(record.offer), plan)
  }
}

function afterRecord(before: SentUnderPlan, record: SignedRecord): SentUnderPlan {
  if (record.type === 'signed') return before
  if (record.type === 'abstains') return { count: 0, last: 0, abstainsUntil: record.round }
  return { ...before, count: before.count + 1, last: Math.max(before.last, record.round) }
}

/** Bytes of a record with a round: plan id, type, round. */
const ROUND_RECORD_BYTES = HASH_BYTES + 1 + 2

function encodeRecord(record: SignedRecord): Uint8Array {
  if (record.type === 'signed') return Uint8Array.of(...record.offer, ...record.plan)
  const bytes = new Uint8Array(ROUND_RECORD_BYTES)
  bytes.set(record.plan)
  bytes[HASH_BYTES] = ROUND_TYPES.indexOf(record.type)
  new DataView(bytes.buffer).setUint16(HASH_BYTES + 1, record.round, true)
  return bytes
}

/** @throws {Error} a record that this version does not know */
function readRecord(record: Uint8Array): SignedRecord {
  if (record.byteLength === 2 * HASH_BYTES)
    return { type: 'signed', offer: record.slice(0, HASH_BYTES), plan: record.slice(HASH_BYTES) }
  const type = ROUND_TYPES[record[HASH_BYTES]]
  if (record.byteLength !== ROUND_RECORD_BYTES || type === undefined)
    throw new Error(`a record of ${record.byteLength} bytes in the log of signed plans`)
  const round = new DataView(record.buffer, record.byteOffset).getUint16(HASH_BYTES + 1, true)
  return { type, plan: record.slice(0, HASH_BYTES), round }
}
