import assert from 'node:assert/strict'
import { createCipheriv, hkdfSync } from 'node:crypto'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { combine } from 'shamir-secret-sharing'
import { makeReveal } from '../../../peers/masked/reveals.ts'
import { seedsOf } from '../../../peers/masked/seeds.ts'
import { maskingKeys, openingKeys } from '../../../peers/masked/streams.ts'
import { sharedSecret } from '../../../peers/masked/x25519.ts'
import { shareFor } from '../../../protocols/masked/key-sheet.ts'
import { encodeReveal, type Listing, revealedKind } from '../../../protocols/masked/reveal.ts'
import { faultsOf, hashOf, quorumOf } from '../../../protocols/plan/offer.ts'
import type { StreamKey } from '../../../src/merge/masked/streams.ts'
import { type Members, members, PLAN, partOf, reveals, subsets } from './members.ts'

const LENGTH = 5

/** Adds the streams of slot 3, or takes them away: integers of 2 bytes, which wrap. */
function withStreams(vector: Uint16Array, keys: readonly StreamKey[], way: 1 | -1): Uint16Array {
  const counter = new Uint8Array(16)
  counter[3] = 3
  return keys.reduce((sum, { key, sign }) => {
    const stream = createCipheriv('aes-256-ctr', key, counter).update(new Uint8Array(2 * LENGTH))
    return sum.map((value, i) => value + way * sign * stream.readUInt16LE(2 * i))
  }, vector)
}

const plainSum = (vectors: readonly Uint16Array[]): number[] =>
  Array.from({ length: LENGTH }, (_, i) => vectors.reduce((sum, vector) => sum + vector[i], 0))

/** The vector that a member offers. */
const offered = (member: number): Uint16Array => Uint16Array.from({ length: LENGTH }, (_, i) => 100 * member + i)

function masked({ readers, secrets, sheets }: Members, listing: Listing): Map<number, Uint16Array> {
  return new Map(
    listing.scheduled.map((member) => {
      const keys = maskingKeys(readers[member], sheets, listing, secrets[member][listing.opening - 1])
      return [member, withStreams(offered(member), keys, 1)]
    }),
  )
}

/** The sum over the list, as those reveals open it. */
async function opened(all: Members, listing: Listing, revealers: readonly number[]): Promise<number[]> {
  const vectors = masked(all, listing)
  const sum = Uint16Array.from(plainSum(listing.listed.map((member) => vectors.get(member) as Uint16Array)))
  const seeds = await seedsOf(reveals(all, listing, revealers), all.sheets, listing)
  return [...withStreams(sum, openingKeys(PLAN, all.sheets, listing, seeds), -1)]
}

const nameOf = ({ scheduled, listed }: Listing, revealers: readonly number[]) =>
  `listed ${listed} of ${scheduled}, revealed by ${revealers}`

describe('a masked sum of four members', () => {
  let four: Members
  before(async () => {
    four = await members(4, 2)
  })
  const everybody = [0, 1, 2, 3]
  const lists = subsets(4, Math.max(3, faultsOf(4) + 2, 4 - faultsOf(4)))
  const listings: Listing[] = lists.flatMap((listed) => [
    { opening: 1, scheduled: everybody, listed },
    // A second opening is masked among those whom the first has listed.
    ...lists
      .filter((inner) => inner.every((member) => listed.includes(member)))
      .map((inner) => ({ opening: 2, scheduled: listed, listed: inner })),
  ])

  it('opens to the plain sum of the list, for every allowed list and every three or four that reveal', async () => {
    assert.equal(listings.length, 5 + 9)
    for (const listing of listings) {
      for (const revealers of subsets(4, 3)) {
        const sum = plainSum(listing.listed.map(offered))
        assert.deepEqual(await opened(four, listing, revealers), sum, nameOf(listing, revealers))
      }
    }
  })

  it('is the sum of vectors of which each is hidden', () => {
    for (const listing of listings) {
      for (const [member, vector] of masked(four, listing)) {
        assert.notDeepEqual(vector, offered(member))
        // Nor by its own stream alone: even with b there is a stream with each other member.
        const own: StreamKey = { key: four.secrets[member][listing.opening - 1].own, sign: 1 }
        assert.notDeepEqual(withStreams(vector, [own], -1), offered(member))
      }
    }
  })

  it('does not open with two that reveal', async () => {
    const listing = { opening: 1, scheduled: everybody, listed: [0, 1, 2] }
    for (const two of subsets(4, 2).filter(({ length }) => length === 2)) {
      await assert.rejects(seedsOf(reveals(four, listing, two), four.sheets, listing), RangeError, `${two}`)
      // The shares themselves give another secret, for each member that reveals nothing.
      const all = reveals(four, listing, two)
      for (const silent of everybody.filter((member) => !two.includes(member))) {
        const shares = all.flatMap((reveal) => reveal.shares.filter(({ member }) => member === silent))
        const kind = revealedKind(listing, silent) ?? 'own'
        const secret = await combine(shares.map(({ share }) => share))
        assert.equal(shares.length, 2)
        assert.notDeepEqual(hashOf(secret), four.sheets[silent].openings[0][kind], `${silent} by ${two}`)
      }
    }
  })

  it('has no reveal for an empty list, nor for one with somebody who is not scheduled', () => {
    for (const listing of [
      { opening: 1, scheduled: everybody, listed: [] },
      { opening: 1, scheduled: [0, 1, 2], listed: [1, 2, 3] },
    ])
      assert.throws(() => makeReveal(partOf(four, 0, 1), listing), RangeError)
  })

  it('hides behind the streams that docs/reference/protocol.md says', () => {
    const scheduled = [0, 1, 3]
    const keys = scheduled.map((member) => {
      return maskingKeys(four.readers[member], four.sheets, { opening: 2, scheduled }, four.secrets[member][1])
    })
    const between = (i: number, j: number): Uint8Array => {
      const shared = sharedSecret(four.secrets[i][1].secret, four.sheets[j].openings[1].key) as Uint8Array
      const info = Buffer.concat([Buffer.from('coppice/stream/1'), PLAN, Buffer.from([0, 0, 0, 2])])
      return new Uint8Array(hkdfSync('sha256', shared, '', info, 32))
    }
    const own = (member: number): StreamKey => ({ key: four.secrets[member][1].own, sign: 1 })
    assert.deepEqual(keys, [
      [own(0), { key: between(0, 1), sign: 1 }, { key: between(0, 3), sign: 1 }],
      [own(1), { key: between(0, 1), sign: -1 }, { key: between(1, 3), sign: 1 }],
      [own(3), { key: between(0, 3), sign: -1 }, { key: between(1, 3), sign: -1 }],
    ])
  })

  it('is not masked by a member that is not scheduled', () => {
    const listing = { opening: 1, scheduled: [1, 2, 3] }
    assert.throws(() => maskingKeys(four.readers[0], four.sheets, listing, four.secrets[0][0]), RangeError)
  })
})

describe('masked sums of three to seven members', () => {
  const SIZES = [3, 4, 5, 6, 7]
  let federations: Members[]
  before(async () => {
    federations = await Promise.all(SIZES.map((count) => members(count)))
  })

  /** A federation, who is scheduled and listed, and who reveals in which order: at least as many as are needed. */
  const scenes = fc
    .constantFrom(...SIZES.keys())
    .chain((which) => {
      const all = Array.from({ length: SIZES[which] }, (_, member) => member)
      const revealers = fc.shuffledSubarray(all, { minLength: quorumOf(all.length) })
      return fc.tuple(fc.constant(which), fc.subarray(all, { minLength: 1 }), revealers)
    })
    .chain(([which, scheduled, revealers]) =>
      fc.subarray(scheduled, { minLength: 1 }).map((listed) => {
        return { which, listing: { opening: 1, scheduled, listed }, revealers }
      }),
    )

  it('open to the plain sum, whoever is listed, and whoever reveals, in any order', async () => {
    const property = fc.asyncProperty(scenes, async ({ which, listing, revealers }) => {
      assert.deepEqual(await opened(federations[which], listing, revealers), plainSum(listing.listed.map(offered)))
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('never have both secrets of a member in reveals for one list', () => {
    const property = fc.property(scenes, ({ which, listing }) => {
      const { sheets } = federations[which]
      const all = reveals(federations[which], listing, [...sheets.keys()])
      for (const { member: dealer, openings } of sheets) {
        const kind = revealedKind(listing, dealer)
        for (const hidden of ['own', 'secret'] as const) {
          if (hidden === kind) continue
          const secrets = [openings[0][hidden], ...openings[0].shares.map((share) => share[hidden])]
          const shown = all.flatMap(({ own, shares }) => [own, ...shares.map(({ share }) => share)])
          for (const value of shown)
            for (const secret of secrets) assert.ok(value === null || !Buffer.from(hashOf(value)).equals(secret))
        }
      }
    })
    fc.assert(property, { numRuns: 40 })
  })

  it('are revealed in the same bytes by a member that has forgotten that it did', () => {
    const property = fc.property(scenes, ({ which, listing }) => {
      const all = federations[which]
      for (const member of all.readers.keys()) {
        const [first, again] = [all.sheets, structuredClone(all.sheets)].map((sheets) =>
          encodeReveal(makeReveal(partOf({ ...all, sheets }, member, 1), listing)),
        )
        assert.deepEqual(first, again)
      }
    })
    fc.assert(property, { numRuns: 10 })
  })

  it('are dealt as shares of which no two are the same, in the order of the roster', () => {
    const { sheets, secrets } = federations[4]
    for (const { member, openings } of sheets) {
      const hashes = openings[0].shares.flatMap(({ own, secret }) => [own, secret])
      assert.equal(new Set(hashes.map((hash) => Buffer.from(hash).toString('hex'))).size, 12)
      assert.deepEqual(openings[0].own, hashOf(secrets[member][0].own))
      assert.equal(shareFor(sheets[member], 1, member === 6 ? 5 : 6), openings[0].shares.at(-1))
    }
  })
})
