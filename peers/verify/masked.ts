/**
 * The parts of a masked plan that are no contributions to blocks: keys, key sheets and reveals, as far as anybody can
 * check them. That the encrypted shares of a sheet are right only their receivers know; all of them have signed for it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMemberKey } from '../../protocols/masked/member-key.ts'
import { quorumOf } from '../../protocols/plan/offer.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { listingOf } from '../../protocols/round/masked/listing.ts'
import { openingOf } from '../../protocols/round/masked/phases.ts'
import type { Federation, ManifestEntry } from '../../protocols/round/messages/value.ts'
import { keySlot, type MaskedSlots, openingsOf, sheetSlot } from '../../src/merge/openings.ts'
import { type HeldBlobs, type OpenedBlock, openSums, sheetsOf } from '../masked/open-sums.ts'
import type { KeySheets, SheetChecker } from '../masked/reader.ts'
import { revealFault } from '../masked/reveals.ts'
import { examineSheet, memberKeyFault, sheetsFault } from '../masked/sheets.ts'
import { differs } from './faults.ts'

/** Any key finds public keys of low order, and two that are the same: see SheetChecker. */
const ANY_KEY = new Uint8Array(32).fill(1)

interface MaskedFiles {
  /** Has each blob under its id. */
  folder: string
  plan: Plan
  federation: Federation
  masked: MaskedSlots
  /** Those of the last certificate. */
  entries: readonly ManifestEntry[]
}

export class MaskedContributions {
  private readonly init: MaskedFiles
  private readonly blobs: HeldBlobs
  private readonly openings: number

  constructor(init: MaskedFiles) {
    const { folder, plan } = init
    this.init = init
    this.openings = openingsOf(plan.offer)
    this.blobs = { path: (root) => join(folder, root), read: async (root) => this.bytes(root) }
  }

  /** Checks keys, then sheets by them, then reveals by these. @throws {DivergedError} VERIFY_FAILED, naming a file */
  async check(): Promise<void> {
    this.checkSheets(this.checkedKeys())
    await this.checkReveals(await this.sheets())
  }

  /** The blocks whose sums can be opened. @throws {DealerCheatedError} */
  open(entries: readonly ManifestEntry[]): Promise<ReadonlyMap<number, OpenedBlock>> {
    const { federation, plan } = this.init
    const { blobs, openings } = this
    return openSums({
      federation,
      openings,
      blocks: plan.offer.model.blocks,
      entries,
      blobs,
      own: () => null,
      sheets: () => this.sheets(),
      known: new Map(),
    })
  }

  private sheets(): Promise<KeySheets> {
    const { entries, federation } = this.init
    return sheetsOf({ blobs: this.blobs, entries, federation, openings: this.openings })
  }

  /** The public keys, in the roster's order. */
  private checkedKeys(): Uint8Array[] {
    return this.ofAll(keySlot(this.init.masked)).map(({ member, root }) => {
      this.refuse(root, memberKeyFault(this.bytes(root), member, ANY_KEY))
      return decodeMemberKey(this.bytes(root)).key
    })
  }

  private checkSheets(keys: Uint8Array[]): void {
    const checker: SheetChecker = {
      ...{ plan: this.init.plan.id, openings: this.openings, keys },
      ...{ self: null, privateKey: ANY_KEY },
    }
    const sheets = this.ofAll(sheetSlot(this.init.masked))
    const sound = sheets.flatMap(({ member, root }) => {
      const { fault, sound } = examineSheet(checker, this.bytes(root), member)
      this.refuse(root, fault)
      return sound ?? []
    })
    const fault = sheetsFault(checker, sound)
    if (fault !== null) throw differs(this.init.folder, `holds key sheets that may not be used together: ${fault}`)
  }

  private async checkReveals(sheets: KeySheets): Promise<void> {
    const { entries, federation, folder, masked } = this.init
    const reveals = entries.filter(({ block }) => block > sheetSlot(masked))
    for (const [round, own] of Map.groupBy(reveals, (entry) => entry.round)) {
      const listing = listingOf(federation, openingOf(round), entries)
      for (const { member, root } of own) this.refuse(root, revealFault(sheets, listing, this.bytes(root), member))
      const needed = quorumOf(federation.members)
      if (own.length < needed)
        throw differs(folder, `holds ${own.length} reveals of opening ${listing.opening}, ${needed} are needed`)
    }
  }

  /** The entries of a slot that all members fill, in the roster's order. */
  private ofAll(slot: number): ManifestEntry[] {
    const { entries, federation, folder } = this.init
    const own = entries.filter(({ block }) => block === slot)
    if (own.length === federation.members) return own
    const what = slot === keySlot(this.init.masked) ? 'keys' : 'key sheets'
    throw differs(folder, `holds ${what} of ${own.length} members, and there are ${federation.members}`)
  }

  private refuse(root: string, fault: string | null): void {
    if (fault !== null) throw differs(join(this.init.folder, root), `is not what its member had to show (${fault})`)
  }

  private bytes(root: string): Uint8Array {
    return new Uint8Array(readFileSync(join(this.init.folder, root)))
  }
}
