/**
 * The text ledger of a site, a file in its data directory: the texts of which a total was opened in a masked plan, and
 * the members that took part. Whoever sees two totals over the same texts can subtract them. If the members differ,
 * the difference shows what those have offered who are in only one of the two.
 *
 * The ledger knows this site's texts alone, by their first tokens: a text that begins otherwise is another one to it,
 * although the difference of two such totals may still show much.
 */
import { join } from 'node:path'
import { z } from 'zod'
import type { Plan } from '../../protocols/plan/plan.ts'
import type { SiteLabel } from '../../protocols/plan/site-name.ts'
import { fromHex, toHex } from '../../protocols/wire/encoding.ts'
import { peerIdSchema } from '../../protocols/wire/signing.ts'
import { OutputError } from '../../src/base/errors.ts'
import { readSealed, storeSealed } from '../../src/files/sealed-record.ts'

/** A file in the data directory. */
export const TEXT_LEDGER_FILE = 'ledger'

const hex = z.string().regex(/^([0-9a-f]{2})+$/)
const totalSchema = z.strictObject({
  /** See textFingerprint. */
  text: hex,
  /** The federation's id. */
  federation: hex,
  /** The members of the plan. Peer ids are multihash bytes, in hexadecimal in the file. */
  roster: z.array(
    z.strictObject({ peer: hex.transform((text): unknown => fromHex(text)).pipe(peerIdSchema), site: z.string() }),
  ),
  /** When it was recorded, in milliseconds since 1970. */
  at: z.number(),
})
const ledgerSchema = z.strictObject({
  /** Rises when older ledgers can no longer be read. */
  format: z.literal(1),
  totals: z.array(totalSchema),
})
type Total = z.infer<typeof totalSchema>

/** An earlier federation on the same text, with other members than a later one. */
export interface TotalConflict {
  /** The federation's id, hexadecimal. */
  federation: string
  /** When this site took part, in milliseconds since 1970. */
  at: number
  /** The members of the earlier one that are not in the later one. */
  gone: SiteLabel[]
  /** The members of the later one that were not in the earlier one. */
  come: SiteLabel[]
}

export class TextLedger {
  private readonly path: string
  private totals: readonly Total[]
  private tail: Promise<void> = Promise.resolve()

  private constructor(path: string, totals: readonly Total[]) {
    this.path = path
    this.totals = totals
  }

  /** @param directory - the data directory. @throws {OutputError} OUTPUT_LEDGER_DAMAGED, OUTPUT_UNWRITABLE */
  static open(directory: string): TextLedger {
    const path = join(directory, TEXT_LEDGER_FILE)
    const value = readSealed(path)
    if (value === undefined) return new TextLedger(path, [])
    const { data } = ledgerSchema.safeParse(value)
    if (data === undefined) throw damaged(path)
    return new TextLedger(path, data.totals)
  }

  /**
   * Records that a text is in totals of a plan; returns when that is on the disk. Once is enough for a plan: more often
   * changes nothing. It must be recorded before the first masked vector leaves this site, since the others can open the
   * total without it.
   * @param text - see textFingerprint
   * @param at - milliseconds since 1970
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  record({ text, plan, at }: { text: string; plan: Pick<Plan, 'id' | 'members'>; at: number }): Promise<void> {
    const federation = toHex(plan.id)
    if (!this.totals.some((total) => total.text === text && total.federation === federation)) {
      const roster = plan.members.map(({ peer, site }) => ({ peer, site }))
      this.totals = [...this.totals, { text, federation, roster, at }]
      const written = fileOf(this.totals)
      this.tail = this.tail.then(() => storeSealed(this.path, written))
      this.tail.catch(() => undefined) // whoever waits for it gets the rejection
    }
    return this.tail
  }

  /**
   * The earlier federations on this text whose members are not those of a roster, in the order in which they were
   * recorded.
   * @param text - see textFingerprint
   */
  conflictsOf(text: string, roster: readonly SiteLabel[]): TotalConflict[] {
    return this.totals
      .filter((total) => total.text === text)
      .map(({ federation, roster: before, at }) => {
        return { federation, at, gone: without(before, roster), come: without(roster, before) }
      })
      .filter(({ gone, come }) => gone.length + come.length > 0)
  }
}

/** The form of the file. */
function fileOf(totals: readonly Total[]): z.input<typeof ledgerSchema> {
  const told = totals.map(({ roster, ...total }) => {
    return { ...total, roster: roster.map(({ peer, site }) => ({ peer: toHex(peer), site })) }
  })
  return { format: 1, totals: told }
}

/** The sites of a roster that are not in another one. */
function without(roster: readonly SiteLabel[], other: readonly SiteLabel[]): SiteLabel[] {
  const peers = new Set(other.map(({ peer }) => toHex(peer)))
  return roster.filter(({ peer }) => !peers.has(toHex(peer))).map(({ peer, site }) => ({ peer, site }))
}

function damaged(path: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_LEDGER_DAMAGED',
    what: `${path} is damaged: it says in which sums a text of this site was`,
    hint: 'Put a good copy there. If it is removed, nobody is warned before a further sum shows what a single site offers.',
  })
}
