/**
 * What a peer has signed, in its write-ahead log: at most one plan an offer, and the bodies of the round. Records are
 * one byte for their kind and the bytes that were encoded for the wire.
 */
import { join } from 'node:path'
import { equalBytes, HASH_BYTES } from '../protocols/encoding.ts'
import { type Plan, type PlanSignature, signPlan } from '../protocols/plan.ts'
import { type Body, decodeBody, encodeBody } from '../protocols/round/messages.ts'
import type { Signer } from '../protocols/signing.ts'
import { OutputError } from '../src/errors.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** In the data directory. */
export const JOURNAL_FILE = 'journal.wal'

const KIND = { plan: 1, body: 2 } as const

export class Journal {
  /** Bodies that were signed before this process, oldest first. */
  readonly bodies: Body[] = []
  private readonly log: WriteAheadLog
  /** Offer and plan of every signature. */
  private readonly plans: Array<{ offer: Uint8Array; plan: Uint8Array }> = []

  private constructor(log: WriteAheadLog) {
    this.log = log
    for (const record of log.records) this.read(record)
  }

  /** @throws {OutputError} it is damaged */
  static async open(directory: string): Promise<Journal> {
    return new Journal(await openWriteAheadLog(join(directory, JOURNAL_FILE)))
  }

  /** Returns when the body is on the disk: only then may it be signed. */
  async writeBody(body: Body): Promise<void> {
    await this.log.append(Uint8Array.of(KIND.body, ...encodeBody(body)))
  }

  /**
   * Signs a plan, and never another one for the same offer.
   * @throws {OutputError} this peer has signed another plan for this offer
   */
  async signPlan(signer: Signer, plan: Plan): Promise<PlanSignature> {
    const earlier = this.plans.find(({ offer }) => equalBytes(offer, plan.offerHash))
    if (earlier === undefined) {
      await this.log.append(Uint8Array.of(KIND.plan, ...plan.offerHash, ...plan.id))
      this.plans.push({ offer: plan.offerHash, plan: plan.id })
    } else if (!equalBytes(earlier.plan, plan.id)) {
      throw new OutputError({
        code: 'OUTPUT_SIGNED_ANOTHER_PLAN',
        what: 'this peer has signed another plan for this offer already',
        hint: 'A member signs one plan an offer. Ask the founder for a new offer.',
      })
    }
    return signPlan(signer, plan)
  }

  close(): Promise<void> {
    return this.log.close()
  }

  private read(record: Uint8Array): void {
    const body = record.subarray(1)
    if (record[0] === KIND.body) this.bodies.push(decodeBody(body))
    else if (record[0] === KIND.plan && body.byteLength === 2 * HASH_BYTES) {
      this.plans.push({ offer: body.slice(0, HASH_BYTES), plan: body.slice(HASH_BYTES) })
    } else throw new Error(`a record of unknown kind ${record[0]} in the journal`)
  }
}
