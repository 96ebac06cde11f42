import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { federationOf } from '../../../peers/round/federation.ts'
import { MaskedContributions } from '../../../peers/verify/masked.ts'
import { encodeKeySheet, type KeySheet } from '../../../protocols/masked/key-sheet.ts'
import { encodeMemberKey } from '../../../protocols/masked/member-key.ts'
import { encodeReveal, type Listing, type Reveal } from '../../../protocols/masked/reveal.ts'
import type { ManifestEntry } from '../../../protocols/round/messages/value.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { blobId } from '../../../protocols/wire/hash.ts'
import { keySlot, revealSlot, sheetSlot } from '../../../src/merge/openings.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { aPlan } from '../../support/people.ts'
import { type Members, members, reveals, withOpening } from '../masked/members.ts'

const ALL = [0, 1, 2, 3]
/** One group, so one opening: slots 0 and 1 are blocks. */
const { plan } = aPlan({
  model: { name: 'two blocks', hash: new Uint8Array(32), parameters: 1, blocks: 2 },
  method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
  ...{ merge: 'pooled', masked: true, rounds: 1, sample: 1_000_000 },
})
const federation = federationOf(plan)
const masked = federation.masked ?? assert.fail()

/** All that members have shown. */
interface Shown {
  keys: { member: number; key: Uint8Array }[]
  sheets: KeySheet[]
  listed: number[]
  reveals: Reveal[]
}

/** Writes all of it to a folder, and checks that. */
async function check(context: TestContext, { keys, sheets, listed, reveals }: Shown): Promise<void> {
  const folder = await temporaryDirectory(context)
  const entries: ManifestEntry[] = []
  const add = (member: number, block: number, round: number, bytes: Uint8Array) => {
    const root = toHex(blobId(bytes))
    writeFileSync(join(folder, root), bytes)
    entries.push({ member, block, round, root })
  }
  for (const [member, key] of keys.entries()) add(member, keySlot(masked), 1, encodeMemberKey(key))
  for (const [member, sheet] of sheets.entries()) add(member, sheetSlot(masked), 2, encodeKeySheet(sheet))
  for (const member of listed) for (const block of [0, 1]) add(member, block, 3, Uint8Array.of(member, block))
  for (const reveal of reveals) add(reveal.member, revealSlot(masked, 1), 4, encodeReveal(reveal))
  entries.sort((a, b) => a.member - b.member || a.block - b.block)
  await new MaskedContributions({ folder, plan, federation, masked, entries }).check()
}

const changed = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))

describe('the keys, sheets and reveals of a masked plan', () => {
  let four: Members
  let honest: Shown
  /** Member 3 came too late. */
  const listing: Listing = { opening: 1, scheduled: ALL, listed: [0, 1, 2] }
  before(async () => {
    four = await members(4)
    const keys = four.readers[0].keys.map((key, member) => ({ member, key }))
    honest = { keys, sheets: four.sheets, listed: [0, 1, 2], reveals: reveals(four, listing, [0, 1, 3]) }
  })

  test('are good, whoever of a quorum has revealed', async (context) => {
    await check(context, honest)
    await check(context, { ...honest, reveals: reveals(four, listing, ALL) })
    const whole = { ...listing, listed: ALL }
    await check(context, { ...honest, listed: ALL, reveals: reveals(four, whole, [1, 2, 3]) })
  })

  const first = ({ own, shares, ...rest }: Reveal) => ({ own: own ?? assert.fail(), shares, ...rest })
  const CHANGED: { id: string; change(shown: Shown): Partial<Shown>; says: RegExp }[] = [
    {
      id: "a key under another member's name",
      change: ({ keys }) => ({ keys: keys.with(1, { ...keys[1], member: 2 }) }),
      says: /[0-9a-f]{64} is not what .* \(the key of member 1 says that it is member 2's\)/,
    },
    {
      id: 'a key of low order',
      change: ({ keys }) => ({ keys: keys.with(2, { member: 2, key: new Uint8Array(32) }) }),
      says: /the key of member 2 is of low order/,
    },
    {
      id: 'a key too few',
      change: ({ keys }) => ({ keys: keys.slice(0, 3) }),
      says: /holds keys of 3 members, and there are 4/,
    },
    {
      id: 'a sheet too few',
      change: ({ sheets }) => ({ sheets: sheets.slice(0, 3) }),
      says: /holds key sheets of 3 members, and there are 4/,
    },
    {
      id: "a sheet under another member's name",
      change: ({ sheets }) => ({ sheets: sheets.with(0, { ...sheets[0], member: 1 }) }),
      says: /the key sheet of member 0 says that it is member 1's/,
    },
    {
      id: 'a sheet with a key of low order',
      change: ({ sheets }) => ({ sheets: sheets.with(1, withOpening(sheets[1], { key: new Uint8Array(32) })) }),
      says: /the key sheet of member 1, opening 1: its key is of low order/,
    },
    {
      id: 'sheets with the same key',
      change: ({ sheets }) => ({
        sheets: sheets.with(1, withOpening(sheets[1], { key: sheets[3].openings[0].key })),
      }),
      says: /may not be used together: opening 1: the keys of members 1 and 3 are the same/,
    },
    {
      id: 'a sheet that commits to another seed',
      change: ({ sheets }) => ({
        sheets: sheets.with(0, withOpening(sheets[0], { own: changed(sheets[0].openings[0].own) })),
      }),
      says: /the reveal of member 0: the member's own "own" is not the one of its sheet/,
    },
    {
      id: 'another seed',
      change: ({ reveals }) => ({
        reveals: reveals.with(1, { ...reveals[1], own: changed(first(reveals[1]).own) }),
      }),
      says: /the reveal of member 1: the member's own "own" is not the one of its sheet/,
    },
    {
      id: 'another share',
      change: ({ reveals }) => {
        const { shares } = reveals[2]
        const other = { ...shares[0], share: changed(shares[0].share) }
        return { reveals: reveals.with(2, { ...reveals[2], shares: shares.with(0, other) }) }
      },
      says: /the reveal of member 3: its share of member 0's "own" is not the one that was dealt/,
    },
    {
      id: 'a share too few',
      change: ({ reveals }) => ({
        reveals: reveals.with(0, { ...reveals[0], shares: reveals[0].shares.slice(1) }),
      }),
      says: /the reveal of member 0 lacks a share of member 1/,
    },
    {
      id: 'a reveal too few',
      change: ({ reveals }) => ({ reveals: reveals.slice(1) }),
      says: /holds 2 reveals of opening 1, 3 are needed/,
    },
    {
      id: 'a list of all, after reveals for a list without one',
      change: () => ({ listed: ALL }),
      says: /the reveal of member 0: its share of member 3's "own" is not the one that was dealt/,
    },
    {
      id: 'a list without one, after reveals for the list of all',
      change: () => ({ reveals: reveals(four, { ...listing, listed: ALL }, [0, 1, 2]) }),
      says: /the reveal of member 0: its share of member 3's "secret" is not the one that was dealt/,
    },
  ]
  for (const { id, change, says } of CHANGED) {
    test(`are refused with ${id}`, async (context) => {
      const refusal = { code: 'VERIFY_FAILED', exit: 7, message: says }
      await assert.rejects(check(context, { ...honest, ...change(honest) }), refusal)
    })
  }
})
