/**
 * The plans that a site has signed, in a write-ahead log: at most one for each offer. A record is offer hash and plan
 * id.
 */
import { join } from 'node:path'
import { type Plan, type PlanSignature, signPlan } from '../../protocols/plan/plan.ts'
import { equalBytes, HASH_BYTES } from '../../protocols/wire/encoding.ts'
import type { Signer } from '../../protocols/wire/signing.ts'
import { OutputError } from '../../src/base/errors.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** The name of the log in the data directory. */
export const PLANS_FILE = 'plans.wal'

interface SignedPlanRecord {
  offer: Uint8Array
  plan: Uint8Array
}

export class SignedPlans {
  private readonly log: WriteAheadLog<SignedPlanRecord>
  private readonly plans: SignedPlanRecord[]

  private constructor(log: WriteAheadLog<SignedPlanRecord>) {
    this.log = log
    this.plans = [...log.facts]
  }

  /** @throws {OutputError} OUTPUT_LOG_DAMAGED, OUTPUT_UNWRITABLE */
  static async open(directory: string): Promise<SignedPlans> {
    return new SignedPlans(await openWriteAheadLog(join(directory, PLANS_FILE), readRecord))
  }

  /** Whether this very plan was signed before. */
  has({ id }: Plan): boolean {
    return this.plans.some(({ plan }) => equalBytes(plan, id))
  }

  /**
   * Signs a plan after the record of it is on the disk. A second plan for the same offer is never signed.
   * @throws {OutputError} OUTPUT_SIGNED_ANOTHER_PLAN: this site has signed another plan for this offer
   */
  async sign(signer: Signer, plan: Plan): Promise<PlanSignature> {
    const earlier = this.plans.find(({ offer }) => equalBytes(offer, plan.offerHash))
    if (earlier === undefined) {
      await this.log.append(Uint8Array.of(...plan.offerHash, ...plan.id))
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
}

function readRecord(record: Uint8Array): SignedPlanRecord {
  if (record.byteLength !== 2 * HASH_BYTES) throw new Error(`a signed plan of ${record.byteLength} bytes in the log`)
  return { offer: record.slice(0, HASH_BYTES), plan: record.slice(HASH_BYTES) }
}
