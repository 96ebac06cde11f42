/**
 * A federation that a site takes part in, as its data directory keeps it: what a later run goes on with, and needs
 * nobody's invitation for. In the federation's directory lie plan.cbor, the plan with all signatures, and kept.json,
 * which is replaced whole whenever something in it changes.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { MAX_ADDRESSES } from '../../protocols/founding/index.ts'
import { decodeSignedPlan, encodeSignedPlan, type SignedPlan } from '../../protocols/plan/plan.ts'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { sealJson, unsealJson } from '../../src/files/sealed-json.ts'

/** The plan and the signatures of all, in the directory of a federation and among its results. */
export const PLAN_FILE = 'plan.cbor'
const KEPT_FILE = 'kept.json'

const recordSchema = z.object({
  /** Where the results go; null: not known any more. */
  out: z.string().nullable(),
  /** The TCP port on which this peer listened last; null: it only dials out. */
  port: z.int().min(1).max(65_535).nullable(),
  /** Addresses of members by peer id as text, as each of them said last. */
  addresses: z.record(z.string(), z.array(z.string()).max(MAX_ADDRESSES)),
  /** Facts that the caller wants back when the peer goes on; they are not read here. */
  site: z.unknown().optional(),
  /** This site's peer id as text. */
  peer: z.string().optional(),
  /** When it was founded, in milliseconds since 1970. */
  began: z.number(),
  /** All is written, the site's own report as well, and nobody needs this peer any more. */
  finished: z.boolean(),
})
type KeptRecord = z.infer<typeof recordSchema>

const NOTHING: KeptRecord = { out: null, port: null, addresses: {}, began: 0, finished: false }

export class KeptFederation {
  readonly directory: string
  readonly signed: SignedPlan
  private record: KeptRecord
  private tail: Promise<void> = Promise.resolve()

  private constructor(directory: string, signed: SignedPlan, record: KeptRecord) {
    this.directory = directory
    this.signed = signed
    this.record = record
  }

  /** Keeps a federation that has just been founded. @throws {OutputError} OUTPUT_UNWRITABLE */
  static async begin(directory: string, signed: SignedPlan, facts: Partial<KeptRecord>): Promise<KeptFederation> {
    const kept = new KeptFederation(directory, signed, NOTHING)
    await kept.keep(facts)
    // The plan comes last: where it lies, the rest does.
    await writeDurably(join(directory, PLAN_FILE), encodeSignedPlan(signed))
    return kept
  }

  /**
   * Opens the federation of a directory; null where none was founded. A damaged kept.json counts as an empty one: the
   * plan and what was signed lie elsewhere.
   * @throws {OutputError} OUTPUT_PLAN_DAMAGED
   */
  static async open(directory: string): Promise<KeptFederation | null> {
    const bytes = await readIfThere(join(directory, PLAN_FILE))
    if (bytes === null) return null
    const text = await readIfThere(join(directory, KEPT_FILE))
    const record = recordSchema.safeParse(text && unsealJson(text.toString()))
    return new KeptFederation(directory, decodePlan(join(directory, PLAN_FILE), bytes), record.data ?? NOTHING)
  }

  get facts(): Readonly<KeptRecord> {
    return this.record
  }

  /** Replaces these facts; returns when they are on the disk. @throws {OutputError} OUTPUT_UNWRITABLE */
  keep(facts: Partial<KeptRecord>): Promise<void> {
    this.record = { ...this.record, ...facts }
    const text = Buffer.from(sealJson(this.record))
    const written = this.tail.then(() => writeDurably(join(this.directory, KEPT_FILE), text))
    this.tail = written.catch(() => undefined)
    return written
  }
}

function decodePlan(path: string, bytes: Uint8Array): SignedPlan {
  try {
    return decodeSignedPlan(new Uint8Array(bytes))
  } catch (error) {
    throw new OutputError({
      code: 'OUTPUT_PLAN_DAMAGED',
      what: `${path} is damaged: ${error instanceof Error ? error.message : error}`,
      hint: 'Put a good copy there: every member has one among its results and in its data directory.',
      cause: error,
    })
  }
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
}
