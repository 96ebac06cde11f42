/**
 * Members of a simulated masked plan mask, reveal and open. Streams are numbers that follow from names, so that a sum
 * is opened as real ones are: by the secrets that a certificate's reveals give, and by nothing else. Checks after
 * each step that no opening is masked twice, that no two secrets of a member are shown for one, and that an opened
 * total is that of the list.
 */
import assert from 'node:assert/strict'
import { type Listing, revealedKind } from '../../../../protocols/masked/reveal.ts'
import { quorumOf } from '../../../../protocols/plan/offer.ts'
import { listingOf } from '../../../../protocols/round/masked/listing.ts'
import { listRound, openingOf } from '../../../../protocols/round/masked/phases.ts'
import type { Hash } from '../../../../protocols/round/messages/messages.ts'
import type { CommitList, Federation, ManifestEntry } from '../../../../protocols/round/messages/value.ts'
import { type MaskedSlots, revealSlot } from '../../../../src/merge/openings.ts'
import { hashName } from '../world.ts'

/** Bits of a number that is masked. */
const BITS = 64

type Entries = readonly ManifestEntry[]

export class SimulatedSums {
  private readonly federation: Federation
  private readonly masked: MaskedSlots
  /** Masked numbers by root. */
  private readonly vectors = new Map<Hash, bigint>()
  /** The list for which each reveal was made, by root. */
  private readonly reveals = new Map<Hash, Listing>()
  /** The text for which a member has masked an opening: on its disk. */
  private readonly used = new Map<string, string>()
  /** The secret of a member that was shown for an opening, by whoever. */
  private readonly shown = new Map<string, string>()
  /** The openings of which a member has forgotten its secrets. */
  private readonly forgotten = new Set<string>()
  /** The number of totals that were opened. */
  opened = 0

  constructor(federation: Federation, masked: MaskedSlots) {
    this.federation = federation
    this.masked = masked
  }

  /** Whether a member may mask an opening for a text; if so it is noted on its disk. */
  mayMask(member: number, round: number, text: string): boolean {
    const place = `${member}/${openingOf(round)}`
    const before = this.used.get(place)
    this.used.set(place, before ?? text)
    return before === undefined || before === text
  }

  /** Masks all slots of an opening. @param entries - certified before */
  mask(member: number, round: number, slots: readonly number[], entries: Entries, text: string): CommitList {
    const opening = openingOf(round)
    assert.ok(!this.forgotten.has(`${member}/${opening}`), `${member} masks opening ${opening} after its end`)
    const { scheduled } = listingOf(this.federation, opening, entries)
    assert.ok(scheduled.includes(member))
    return slots.map((block) => {
      const streams = this.ownStream(member, opening, block) + this.pairStreams(member, scheduled, opening, block)
      const vector = wrapped(plain(member, block, round, text) + streams)
      const root = hashName('vector', member, block, round, text, ...scheduled)
      this.vectors.set(root, vector)
      this.assertOnce(`vector ${member}/${round}/${block}`, String(vector))
      return { block, root, bytes: 100 }
    })
  }

  /** Makes a member's reveal. @param entries - certified before: they have the list */
  reveal(member: number, round: number, entries: Entries): CommitList {
    const opening = openingOf(round)
    const listing = listingOf(this.federation, opening, entries)
    assert.ok(listing.listed.length > 0, `${member} reveals to an empty list`)
    assert.ok(!this.forgotten.has(`${member}/${opening}`), `${member} reveals in opening ${opening} after its end`)
    for (const other of listing.scheduled)
      this.assertOnce(`secret of ${other} in opening ${opening}`, revealedKind(listing, other) ?? '')
    const root = hashName('reveal', member, opening, ...listing.listed)
    this.reveals.set(root, listing)
    return [{ block: revealSlot(this.masked, opening), root, bytes: 100 }]
  }

  /** The number of reveals that were made for an opening. */
  revealed(opening: number): number {
    return [...this.reveals.values()].filter((listing) => listing.opening === opening).length
  }

  /** A member has taken over the certificate of a round. */
  adopted(member: number, round: number): void {
    for (let opening = 1; listRound(opening) + 1 <= round; opening++) this.forgotten.add(`${member}/${opening}`)
  }

  /** Opens all sums that a manifest opens, each total of each slot. */
  open(entries: Entries): void {
    for (let opening = 1; listRound(opening) < this.federation.rounds; opening++) {
      const round = listRound(opening)
      const slot = revealSlot(this.masked, opening)
      const reveals = entries.filter((entry) => entry.block === slot && entry.round === round + 1)
      if (reveals.length > 0) this.openList(listingOf(this.federation, opening, entries), entries, reveals)
    }
  }

  private openList(listing: Listing, entries: Entries, reveals: Entries): void {
    const { listed, opening, scheduled } = listing
    const round = listRound(opening)
    const authors = new Set(reveals.map(({ member }) => member))
    for (const { root } of reveals) assert.deepEqual(this.reveals.get(root), listing, 'a reveal of another list')
    for (const member of scheduled) {
      const shares = [...authors].filter((author) => author !== member).length
      const isKnown = authors.has(member) || shares >= quorumOf(this.federation.members)
      assert.ok(isKnown, `a secret of ${member} in opening ${opening} cannot be put together`)
    }
    const missing = scheduled.filter((member) => !listed.includes(member))
    const vectors = entries.filter((entry) => entry.round === round && entry.block < this.masked.blocks)
    for (const [block, own] of Map.groupBy(vectors, (entry) => entry.block)) {
      const sum = own.reduce((total, { root }) => total + (this.vectors.get(root) ?? 0n), 0n)
      const streams = listed.map((member) => {
        return this.ownStream(member, opening, block) + this.pairStreams(member, missing, opening, block)
      })
      const total = streams.reduce((rest, stream) => rest - stream, sum)
      const texts = listed.map((member) => plain(member, block, round, this.used.get(`${member}/${opening}`) ?? ''))
      const wanted = texts.reduce((all, one) => all + one, 0n)
      assert.equal(wrapped(total), wrapped(wanted), `opening ${opening}, slot ${block}`)
      this.opened++
    }
  }

  private ownStream(member: number, opening: number, block: number): bigint {
    return numberOf('own', member, opening, block)
  }

  /** The streams that a member shares with others, with the signs with which it adds them. */
  private pairStreams(member: number, others: readonly number[], opening: number, block: number): bigint {
    const streams = others.map((other) => {
      const stream = numberOf('pair', Math.min(member, other), Math.max(member, other), opening, block)
      return other > member ? stream : other < member ? -stream : 0n
    })
    return streams.reduce((sum, stream) => sum + stream, 0n)
  }

  private assertOnce(place: string, what: string): void {
    assert.equal(this.shown.get(place) ?? what, what, `two of ${place}`)
    this.shown.set(place, what)
  }
}

/** The number that a member offers. Adapters of a later round are others in the same slot. */
function plain(member: number, block: number, round: number, text: string): bigint {
  return numberOf('plain', member, block, round, text) >> 16n
}

function numberOf(...names: (string | number)[]): bigint {
  return BigInt(`0x${hashName(...names).slice(0, BITS / 4)}`)
}

function wrapped(value: bigint): bigint {
  return BigInt.asUintN(BITS, value)
}
