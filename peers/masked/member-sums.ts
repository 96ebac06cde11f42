/**
 * The part of a member in a masked plan: it makes and checks keys, sheets and reveals, gives the streams with which it
 * masks, and forgets its secrets when they have served.
 */

import { join } from 'node:path'
import { maxSheetBytes } from '../../protocols/masked/key-sheet.ts'
import { decodeMemberKey, encodeMemberKey, MAX_MEMBER_KEY_BYTES } from '../../protocols/masked/member-key.ts'
import { encodeReveal, maxRevealBytes } from '../../protocols/masked/reveal.ts'
import { listingOf } from '../../protocols/round/masked/listing.ts'
import { listRound, openingOf, phaseOf, SHEET_ROUND } from '../../protocols/round/masked/phases.ts'
import { bytesOf } from '../../protocols/round/messages/messages.ts'
import type { Federation, ManifestEntry, Value } from '../../protocols/round/messages/value.ts'
import type { StreamKey } from '../../src/merge/masked/streams.ts'
import { keySlot, type MaskedSlots, sheetSlot } from '../../src/merge/openings.ts'
import { type HeldBlobs, type OpenedBlock, openSums, sheetsOf } from './open-sums.ts'
import type { KeySheets, SheetReader } from './reader.ts'
import { makeReveal, revealFault } from './reveals.ts'
import { Secrets } from './secrets-file.ts'
import {
  type ExaminedSheet,
  examineSheet,
  memberKeyFault,
  receivedShares,
  type SoundSheet,
  sheetsFault,
} from './sheets.ts'
import { maskingKeys } from './streams.ts'

interface MemberSumsInit {
  /** The federation's directory, in which its secrets lie. */
  directory: string
  federation: Federation
  masked: MaskedSlots
  /** This member's index in the roster. */
  self: number
  /** Openings of the plan. */
  openings: number
  /** Decoder blocks of the model. */
  blocks: number
  blobs: HeldBlobs
  /** This site's plain contribution to a slot; null: it has none there. */
  own(slot: number): string | null
  /** Records in the text ledger that this site's text is in sums of this plan. */
  record(): Promise<void>
  /** Whether nothing was sent yet that follows from secrets: see Secrets.open. */
  mayBegin: boolean
}

/** Entries of a certificate. */
type Entries = readonly ManifestEntry[]

/** A contribution that only its author can offer. */
interface Personal {
  member: number
  block: number
  root: string
  entries: Entries
}

export class MemberSums {
  private readonly init: MemberSumsInit
  private readonly secrets: Secrets
  private readonly planId: Uint8Array
  private readonly streams = new Map<string, StreamKey[]>()
  /** The keys of all members, once they are certified. */
  private certifiedKeys: Uint8Array[] | null = null
  /** Sheets that are sound by themselves, by dealer and root, until they are checked together. */
  private readonly sound = new Map<string, SoundSheet>()
  /** The sheets once they are certified, and have been checked together. */
  private checked: KeySheets | null = null

  private constructor(init: MemberSumsInit, secrets: Secrets) {
    this.init = init
    this.secrets = secrets
    this.planId = bytesOf(init.federation.id)
  }

  /** @throws {OutputError} as Secrets.open does */
  static async open(init: MemberSumsInit): Promise<MemberSums> {
    const { directory, federation, mayBegin, openings, self } = init
    const { id, members } = federation
    return new MemberSums(
      init,
      await Secrets.open(directory, { planId: bytesOf(id), members, self, openings, mayBegin }),
    )
  }

  /** The most bytes of a key, a sheet or a reveal; null: the slot is a block's. */
  maxBytes(slot: number): number | null {
    const { federation, masked, openings } = this.init
    const { members } = federation
    if (slot < masked.blocks) return null
    if (slot === keySlot(masked)) return MAX_MEMBER_KEY_BYTES
    return slot === sheetSlot(masked) ? maxSheetBytes({ members, openings }) : maxRevealBytes(members)
  }

  /** Makes this member's key, sheet or reveal. Made again it has the same bytes. @param entries - certified before */
  async make(round: number, entries: Entries): Promise<Uint8Array> {
    const { federation, self } = this.init
    const phase = phaseOf(federation, round)
    if (phase === 'keys') return encodeMemberKey({ member: self, key: this.secrets.publicKey })
    if (phase === 'sheets') return this.secrets.sheet(await this.keys(entries))
    const opening = openingOf(round)
    return this.secrets.reveal(opening, (secrets, shares) =>
      encodeReveal(makeReveal({ self, secrets, shares }, listingOf(federation, opening, entries))),
    )
  }

  /** The reason why a key, a sheet or a reveal is not its author's; null if it is. */
  async fault({ member, block, root, entries }: Personal): Promise<string | null> {
    const { blobs, federation, masked } = this.init
    const bytes = await blobs.read(root)
    const isReveal = block > sheetSlot(masked)
    // All have signed the keys and sheets, this member as well; it has forgotten its private key since.
    if (!isReveal && this.secrets.privateKey === null) return null
    if (block === keySlot(masked)) return memberKeyFault(bytes, member, this.privateKey())
    if (block === sheetSlot(masked)) return (await this.examined(entries, { member, root })).fault
    const opening = this.openingOfReveal(member, block, entries, root)
    return opening === null
      ? `the reveal of member ${member} is of no list`
      : revealFault(await this.sheets(entries), listingOf(federation, opening, entries), bytes, member)
  }

  /** The streams with which this member masks its vectors of an opening. @param entries - certified before */
  async maskingStreams(opening: number, entries: Entries): Promise<StreamKey[]> {
    const { federation, self } = this.init
    const secrets = this.secrets.own(opening)
    if (secrets === null) throw new RangeError(`the secrets of opening ${opening} are forgotten`)
    const reader = { plan: this.planId, self }
    return maskingKeys(reader, await this.sheets(entries), listingOf(federation, opening, entries), secrets)
  }

  /** A path for a masked vector that is being made. */
  unfinished(slot: number): string {
    return join(this.init.directory, `masked-${slot}`)
  }

  /** Notes durably what an opening is masked for. @returns whether it may be: see Secrets.markUsed */
  async mayMask(opening: number, fingerprint: string): Promise<boolean> {
    await this.init.record()
    return (await this.secrets.markUsed(opening, fingerprint)) !== 'other'
  }

  /**
   * The blocks of a manifest whose sums can be opened.
   * @throws {SheetsRefusedError} the sheets may not be used together
   * @throws {DealerCheatedError} a secret cannot be put together from its shares
   */
  async open(entries: Entries): Promise<Map<number, OpenedBlock>> {
    const { blobs, blocks, federation, openings, own, self } = this.init
    if (entries.some(({ block }) => block === sheetSlot(this.init.masked))) await this.sheets(entries)
    const ownListed = (slot: number) =>
      entries.some(({ block, member }) => member === self && block === slot) ? own(slot) : null
    const sheets = () => this.sheets(entries)
    return openSums({ federation, openings, blocks, entries, blobs, own: ownListed, sheets, known: this.streams })
  }

  /**
   * Forgets what has served: with the certificate of the sheets the private key, with that of an opening's reveals
   * whatever is left of the opening.
   */
  async adopted({ entries, round }: Pick<Value, 'entries' | 'round'>): Promise<void> {
    const { openings } = this.init
    if (round >= SHEET_ROUND && this.secrets.privateKey !== null) {
      const sheets = await this.sheets(entries)
      await this.secrets.keepShares(receivedShares(await this.reader(entries), sheets))
    }
    for (let opening = 1; opening <= openings; opening++) {
      if (listRound(opening) + 1 <= round) await this.secrets.forget(opening)
    }
  }

  /** Reveals of two openings may have one slot: the one whose list is there, and which has no certified reveals. */
  private openingOfReveal(member: number, block: number, entries: Entries, root: string): number | null {
    const { federation, openings } = this.init
    const at = entries.find((entry) => entry.member === member && entry.block === block && entry.root === root)
    if (at !== undefined) return openingOf(at.round)
    for (let opening = openings; opening >= 1; opening--) {
      const isIts = federation.blocksOf(member, listRound(opening) + 1).includes(block)
      if (isIts && listingOf(federation, opening, entries).listed.length > 0) return opening
    }
    return null
  }

  /** The keys in a certificate, in the roster's order. */
  private async keys(entries: Entries): Promise<Uint8Array[]> {
    if (this.certifiedKeys !== null) return this.certifiedKeys
    const { blobs, federation, masked } = this.init
    const own = entries.filter(({ block }) => block === keySlot(masked))
    const keys = await Promise.all(own.map(async ({ root }) => decodeMemberKey(await blobs.read(root)).key))
    if (keys.length === federation.members) this.certifiedKeys = keys
    return keys
  }

  private async examined(
    entries: Entries,
    { member, root }: Pick<ManifestEntry, 'member' | 'root'>,
  ): Promise<ExaminedSheet> {
    const place = `${member}/${root}`
    const known = this.sound.get(place)
    if (known !== undefined) return { fault: null, sound: known }
    const examined = examineSheet(await this.reader(entries), await this.init.blobs.read(root), member)
    if (examined.sound !== null) this.sound.set(place, examined.sound)
    return examined
  }

  private async reader(entries: Entries): Promise<SheetReader> {
    const { openings, self } = this.init
    return { plan: this.planId, openings, self, keys: await this.keys(entries), privateKey: this.privateKey() }
  }

  private async sheets(entries: Entries): Promise<KeySheets> {
    if (this.checked !== null) return this.checked
    const { blobs, federation, openings } = this.init
    // Without its private key this member has checked them before.
    const isChecked = this.secrets.privateKey === null
    this.checked = isChecked
      ? await sheetsOf({ blobs, entries, federation, openings })
      : await this.checkedSheets(entries)
    this.sound.clear()
    return this.checked
  }

  /** @throws {SheetsRefusedError} */
  private async checkedSheets(entries: Entries): Promise<KeySheets> {
    const own = entries.filter(({ block }) => block === sheetSlot(this.init.masked))
    const sheets: SoundSheet[] = []
    for (const entry of own) {
      const { fault, sound } = await this.examined(entries, entry)
      if (sound === null) throw new SheetsRefusedError(fault)
      sheets.push(sound)
    }
    const fault = sheetsFault(await this.reader(entries), sheets)
    if (fault !== null) throw new SheetsRefusedError(fault)
    return sheets.map(({ sheet }) => sheet)
  }

  private privateKey(): Uint8Array {
    const { privateKey } = this.secrets
    if (privateKey === null) throw new RangeError('the private key of this member is forgotten')
    return privateKey
  }
}

/** Key sheets that may not be used together: nothing may be masked with them. */
export class SheetsRefusedError extends Error {
  static name = 'SheetsRefusedError'
  readonly name = 'SheetsRefusedError'
}
