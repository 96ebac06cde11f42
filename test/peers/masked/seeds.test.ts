import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { DealerCheatedError } from '../../../peers/masked/errors.ts'
import { seedsOf } from '../../../peers/masked/seeds.ts'
import { publicKeyOf } from '../../../peers/masked/x25519.ts'
import { type KeySheet, type SecretKind, shareFor } from '../../../protocols/masked/key-sheet.ts'
import type { Listing } from '../../../protocols/masked/reveal.ts'
import { hashOf } from '../../../protocols/plan/offer.ts'
import { flipped } from '../../support/people.ts'
import { drawn, encodedSheets, faultOfAll, type Members, members, reveals, withOpening, withShares } from './members.ts'

/** The dealer that cheats. Its reveal never comes, so that its secret must be put together. */
const CHEAT = 0

describe('the seeds of a list', () => {
  let four: Members
  let seven: Members
  before(async () => {
    four = await members(4)
    seven = await members(7)
  })

  /** The federation with another sheet of the cheat, which every member takes. */
  function cheated(all: Members, change: (sheet: KeySheet) => KeySheet): Members {
    const changed = change(all.sheets[CHEAT])
    const bytes = encodedSheets(all.sheets, changed)
    for (const reader of all.readers) assert.equal(faultOfAll(reader, bytes), null)
    return { ...all, sheets: all.sheets.with(CHEAT, changed) }
  }

  /** Shares of no polynomial for these receivers. */
  const unlike = (all: Members, receivers: number[]) =>
    cheated(all, (sheet) =>
      receivers.reduce((changed, receiver) => {
        const shares = { own: drawn(33), secret: drawn(33) }
        return withShares(all.readers[CHEAT], changed, receiver, shares)
      }, sheet),
    )

  /** Everybody is scheduled; the cheat is listed, so its b is needed, or missing, so its p is. */
  const listing = (all: Members, kind: SecretKind): Listing => {
    const scheduled = [...all.sheets.keys()]
    return { opening: 1, scheduled, listed: kind === 'own' ? scheduled : scheduled.slice(1) }
  }
  const others = (all: Members) => [...all.sheets.keys()].filter((member) => member !== CHEAT)
  const seeds = (all: Members, kind: SecretKind, by = others(all)) =>
    seedsOf(reveals(all, listing(all, kind), by), all.sheets, listing(all, kind))

  it('are put together from the shares of others', async () => {
    for (const all of [four, seven])
      for (const kind of ['own', 'secret'] as const)
        assert.deepEqual((await seeds(all, kind))[kind].get(CHEAT), all.secrets[CHEAT][0][kind])
  })

  it('of a dealer whose shares lie on no polynomial are refused, and the dealer is named with the proof', async () => {
    const all = unlike(four, [2])
    for (const kind of ['own', 'secret'] as const) {
      await assert.rejects(seeds(all, kind), (error) => {
        assert.ok(error instanceof DealerCheatedError)
        assert.match(error.message, new RegExp(`3 shares that member 0 has dealt of its "${kind}" .* opening 1 `))
        const { dealer, shares } = error.evidence
        assert.deepEqual([dealer, shares.map(({ member }) => member)], [CHEAT, [1, 2, 3]])
        for (const { member, share } of shares)
          assert.deepEqual(hashOf(share), shareFor(all.sheets[CHEAT], 1, member)[kind])
        return true
      })
    }
  })

  it('of such a dealer open all the same if it reveals them itself', async () => {
    const all = unlike(four, [2])
    assert.deepEqual((await seeds(all, 'own', [0, 1, 2])).own.get(CHEAT), all.secrets[CHEAT][0].own)
  })

  it('open by another choice where one share too many is there', async () => {
    for (const receiver of others(seven)) {
      const all = unlike(seven, [receiver])
      for (const kind of ['own', 'secret'] as const)
        assert.deepEqual((await seeds(all, kind))[kind].get(CHEAT), all.secrets[CHEAT][0][kind], `${receiver} ${kind}`)
    }
    await assert.rejects(seeds(unlike(seven, [2, 4]), 'own'), DealerCheatedError)
  })

  it('of a dealer that gives two receivers one place are refused', async () => {
    const all = cheated(four, (sheet) => {
      const [x, y] = [drawn(32), drawn(32)].map((bytes) => new Uint8Array([...bytes, 7]))
      const first = withShares(four.readers[CHEAT], sheet, 1, { own: x, secret: x })
      return withShares(four.readers[CHEAT], first, 2, { own: y, secret: y })
    })
    for (const kind of ['own', 'secret'] as const) await assert.rejects(seeds(all, kind), DealerCheatedError)
  })

  it('of a dealer whose public key is of another private key are refused', async () => {
    const all = cheated(four, (sheet) => withOpening(sheet, { key: publicKeyOf(drawn()) }))
    await assert.rejects(seeds(all, 'secret'), DealerCheatedError)
    assert.deepEqual((await seeds(all, 'own')).own.get(CHEAT), four.secrets[CHEAT][0].own)
  })

  it('need the reveals of a quorum, each of another member, and each checked', async () => {
    const list = listing(four, 'own')
    const [one, two, three] = reveals(four, list, [1, 2, 3])
    await assert.rejects(seedsOf([one, two], four.sheets, list), /2 reveals open nothing: 3 are needed/)
    await assert.rejects(seedsOf([one, two, two], four.sheets, list), /2 reveals open nothing/)
    const wrong = { ...three, own: flipped(three.own ?? drawn(), 3) }
    await assert.rejects(seedsOf([one, two, wrong], four.sheets, list), /reveal of member 3 was not checked/)
  })
})
