import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { SECRETS_FILE } from '../../../../peers/masked/secrets-file.ts'
import { decodeSecrets, type KeptSecrets } from '../../../../peers/masked/secrets-form.ts'
import type { RoundReport } from '../../../../peers/round/events.ts'
import { decodeKeySheet, encodeKeySheet, type KeySheet } from '../../../../protocols/masked/key-sheet.ts'
import { encodeMemberKey } from '../../../../protocols/masked/member-key.ts'
import { decodeReveal, encodeReveal, type Reveal } from '../../../../protocols/masked/reveal.ts'
import type { Offer } from '../../../../protocols/plan/offer.ts'
import type { Phase } from '../../../../protocols/round/masked/phases.ts'
import { decodeValue, encodeValue } from '../../../../protocols/round/messages/value.ts'
import { assertOneRoot } from '../../../support/federations.ts'
import { onlyFederation } from '../../../support/nodes.ts'
import { flipped } from '../../../support/people.ts'
import { drawn, withOpening, withShares } from '../members.ts'
import { type Cheat, type Hand, HONEST, LIAR, MEMBERS, ROSTER, type Scene, startWithCheat, VICTIM } from './cheats.ts'
import { copied, Garbage, Half, Huge, Longer, Shorter } from './vectors.ts'

const ZEROS = new Uint8Array(32)
const SIZE = { members: MEMBERS, openings: 1 }
const [LIST, REVEALS] = [3, 4]

/** Shown in one phase in place of its own. */
const inPhase = (wanted: Phase, change: (hand: Hand) => Uint8Array | Promise<Uint8Array>): Cheat => ({
  shows: (phase, hand) => (phase === wanted ? change(hand) : hand.bytes),
})
const sheetWith = (change: (sheet: KeySheet, hand: Hand) => KeySheet | Promise<KeySheet>): Cheat =>
  inPhase('sheets', async (hand) => encodeKeySheet(await change(decodeKeySheet(hand.bytes, SIZE), hand)))
const revealWith = (change: (reveal: Reveal) => Reveal): Cheat =>
  inPhase('reveal', ({ bytes }) => encodeReveal(change(decodeReveal(bytes, MEMBERS))))

/** Shares whose hashes stand beside them, and that lie on no polynomial. */
const falseShares = sheetWith(async (sheet, hand) => {
  const reader = await hand.reader()
  const others = reader.keys.map((_, to) => to).filter((to) => to !== LIAR)
  const share = (to: number) => Uint8Array.of(...drawn(), to + 1)
  return others.reduce((all, to) => withShares(reader, all, to, { own: share(to), secret: share(to) }), sheet)
})

/** Every honest member ends with exit 6 and a reason. Returns what is left of their secrets. */
async function endsEverywhere(
  context: TestContext,
  cheat: Cheat,
  { code = 'NO_AGREEMENT_MASKED', reason, offer }: { code?: string; reason: RegExp; offer?: Partial<Offer> },
): Promise<KeptSecrets[]> {
  const { clock, honest, running, stopLiar } = await startWithCheat(context, cheat, offer)
  // The last votes of the first that ends may be lost, and the others wait for them.
  await Promise.race(honest).catch(() => clock.hurry())
  for (const peer of honest) await assert.rejects(peer, { exit: 6, code, message: reason })
  await stopLiar()
  return Promise.all(HONEST.map((member) => secretsOf(running.root, ROSTER[member].site)))
}

async function secretsOf(root: string, site: number): Promise<KeptSecrets> {
  const path = join(await onlyFederation(join(root, `${site}`, 'data')), SECRETS_FILE)
  const kept = decodeSecrets(new Uint8Array(await readFile(path)))
  assert.ok(kept, path)
  return kept
}

/** As endsEverywhere, after the list: the masked vectors are on all disks, and nothing that opens a single one. */
async function endsClosed(...scene: Parameters<typeof endsEverywhere>): Promise<void> {
  for (const { openings, privateKey, self } of await endsEverywhere(...scene)) {
    assert.equal(privateKey, null, `the private key of member ${self}`)
    const [{ reveal, secrets, shares, used }] = openings
    assert.ok(used && reveal, `member ${self} has masked and revealed`)
    assert.deepEqual([secrets, shares], [null, null], `member ${self}`)
  }
}

/** The honest end with one root, and have noted a reason. Returns the members that have entries of each round. */
async function goesOn(scene: Scene, reason: RegExp): Promise<number[][]> {
  const { honest, notes, running, stopLiar } = scene
  const results = await Promise.all(honest)
  await stopLiar()
  assertOneRoot({ results })
  assert.ok(
    notes().some((text) => reason.test(text)),
    notes().join('\n'),
  )
  const reports = running.events.flat().flatMap((event): RoundReport[] => (event.type === 'round' ? [event.round] : []))
  return Array.from({ length: REVEALS }, (_, r) => {
    const report = reports.find(({ round }) => round === r + 1)
    const fresh = report?.value.entries.filter(({ round }) => round === r + 1) ?? []
    return [...new Set(fresh.map(({ member }) => member))]
  })
}

describe('before anything is masked a federation ends for all with a member that shows', () => {
  const cases: [name: string, cheat: Cheat, reason: RegExp][] = [
    [
      'a key of low order',
      inPhase('keys', () => encodeMemberKey({ member: LIAR, key: ZEROS })),
      /the key of member 2 is of low order\. Nothing was masked yet/,
    ],
    [
      'a key of low order in an opening',
      sheetWith((sheet) => withOpening(sheet, { key: ZEROS })),
      /the key sheet of member 2, opening 1: its key is of low order/,
    ],
    [
      "another member's key",
      sheetWith(async (sheet, { victims }) =>
        withOpening(sheet, { key: decodeKeySheet(await victims(), SIZE).openings[0].key }),
      ),
      /opening 1: the keys of members 0 and 2 are the same/,
    ],
  ]
  for (const [name, cheat, reason] of cases)
    test(name, async (context) => {
      await endsEverywhere(context, cheat, { reason })
    })
})

describe('after ten minutes a federation in which nothing is masked ends, and names the member', () => {
  const cases: [name: string, round: number, cheat: Cheat, reason: RegExp][] = [
    [
      'that does not show its key',
      1,
      inPhase('keys', ({ stopped }) => stopped),
      /the keys of all are needed: none came from member 2/,
    ],
    [
      'that does not show its sheet',
      2,
      inPhase('sheets', ({ stopped }) => stopped),
      /the key sheets .*: none came from member 2/,
    ],
    [
      'that shows one sheet to some, and another one to others',
      2,
      {
        signs: async (body) => (body.type === 'commit' && body.round === 2 ? { ...body, root: 'ab'.repeat(32) } : null),
      },
      /the key sheets of all are needed: member 2 has equivocated/,
    ],
  ]
  for (const [name, round, cheat, reason] of cases) {
    test(name, async (context) => {
      const { clock, hold, honest, stopLiar } = await startWithCheat(context, cheat)
      await hold(round, MEMBERS - 1)
      clock.hurry()
      for (const peer of honest) await assert.rejects(peer, { exit: 6, code: 'NO_AGREEMENT', message: reason })
      await stopLiar()
    })
  }

  test('whose share a receiver cannot accept: the receiver ends at once, and the others name it', async (context) => {
    const cheat = sheetWith((sheet) => {
      const [first, ...rest] = sheet.openings[0].shares // the victim's
      return withOpening(sheet, { shares: [{ ...first, own: drawn() }, ...rest] })
    })
    const { clock, hold, honest, stopLiar } = await startWithCheat(context, cheat)
    const [victim, ...others] = honest
    const message =
      /the key sheet of member 2, opening 1: the share of "own" for member 0 has another hash\. Nothing was/
    await hold(2, MEMBERS, [1, 3])
    clock.hurry()
    await assert.rejects(victim, { exit: 6, code: 'NO_AGREEMENT_MASKED', message })
    for (const peer of others)
      await assert.rejects(peer, {
        exit: 6,
        code: 'NO_AGREEMENT',
        message: /sheets of all are needed: all have come, and member 0\b/,
      })
    await stopLiar()
  })
})

describe('a federation goes on without what a member offers that is', () => {
  const vectors: [name: string, Work: typeof Shorter, reason: RegExp][] = [
    ['too short a masked vector', Shorter, /^contribution .* to block \d refused: LENGTH: /],
    ['too long a masked vector', Longer, /^commit of member 2, round 3, refused: block \d has 649 bytes, at most 648/],
  ]
  for (const [name, Work, reason] of vectors) {
    test(name, async (context) => {
      const fresh = await goesOn(await startWithCheat(context, { Work }), reason)
      assert.deepEqual(fresh[LIST - 1], [0, 1, 3])
    })
  }

  const reveals: [name: string, cheat: Cheat, reason: RegExp][] = [
    [
      'a false share',
      revealWith((reveal) => {
        const [{ member, share }, ...rest] = reveal.shares
        return { ...reveal, shares: [{ member, share: flipped(share, 9) }, ...rest] }
      }),
      /the reveal of member 2: its share of member 0's "own" is not the one that was dealt/,
    ],
    [
      'a false seed of its own',
      revealWith((reveal) => ({ ...reveal, own: drawn() })),
      /the reveal of member 2: the member's own "own" is not the one of its sheet/,
    ],
    [
      "another member's reveal",
      inPhase('reveal', ({ victims }) => victims()),
      /the reveal of member 2 says that it is member 0's/,
    ],
    ['no reveal', inPhase('reveal', () => new Uint8Array(3)), /the reveal of member 2: reveal: not/],
  ]
  for (const [name, cheat, reason] of reveals) {
    test(name, async (context) => {
      const fresh = await goesOn(await startWithCheat(context, cheat), reason)
      assert.deepEqual(fresh[LIST - 1], [0, 1, 2, 3])
      assert.deepEqual(fresh[REVEALS - 1], [0, 1, 3])
    })
  }
})

describe('a federation goes on without a member that signs', () => {
  const of = (round: number) => (body: { round: number }) => body.round === round

  test('two lists', async (context) => {
    const scene = await startWithCheat(context, {
      async signs(body, store) {
        if (body.type !== 'proposal' || !of(LIST)(body)) return null
        const value = decodeValue(await store.read(body.value))
        const entries = value.entries.filter(({ member, round }) => member !== VICTIM || round !== LIST)
        return { ...body, value: await store.put(encodeValue({ ...value, entries })) }
      },
    })
    const fresh = await goesOn(scene, /^member 2 is excluded: it has equivocated/)
    assert.deepEqual(fresh[LIST - 1], [0, 1, 3])
    assert.deepEqual(fresh[REVEALS - 1], [0, 1, 3])
  })

  test('two reveals, after its vector was listed: the vector stays in the sum', async (context) => {
    const scene = await startWithCheat(context, {
      signs: async (body) => (body.type === 'commit' && of(REVEALS)(body) ? { ...body, root: 'ab'.repeat(32) } : null),
    })
    const fresh = await goesOn(scene, /^member 2 is excluded: it has equivocated/)
    assert.deepEqual(fresh[LIST - 1], [0, 1, 2, 3])
    assert.deepEqual(fresh[REVEALS - 1], [0, 1, 3])
  })
})

describe('a federation ends for all, and leaves no secret that opens a single vector, where a member', () => {
  test('has dealt shares on no polynomial, and is away when they are needed', (context) =>
    endsClosed(
      context,
      {
        shows: (phase, hand) => {
          if (phase === 'reveal') throw new Error('gone')
          return falseShares.shows?.(phase, hand) ?? hand.bytes
        },
      },
      { reason: /the 3 shares that member 2 has dealt of its "own" do not give it back, so opening 1 can never/ },
    ))

  test('has masked what no mean squares are', (context) =>
    endsClosed(
      context,
      { Work: Garbage },
      { reason: /block \d, input 0, column 0: mean squares of 4 sites sum to 2\^47 each/ },
    ))

  test("offers another member's masked vectors", (context) => {
    const { Copier, Victim } = copied()
    const reason = /block \d, input 0, column 0: mean squares of 4 sites sum to 2\^47 each/
    return endsClosed(context, { Work: Copier, VictimWork: Victim }, { reason })
  })

  test('has masked mean squares that leave nothing of the others', (context) =>
    endsClosed(
      context,
      { Work: Huge },
      { reason: /the mean squares of all columns sum to more than 64 times this site's own, in what 3 members/ },
    ))

  test('has masked what harms the texts of the others', (context) =>
    endsClosed(
      context,
      { Work: Half },
      { code: 'NO_AGREEMENT_HARM', reason: /its perplexity here is /, offer: { harmLimit: 1_100_000 } },
    ))
})
