/** A person is told and asked before a site signs a masked plan with a text that was in sums before. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { TextLedger } from '../../../../peers/kept/text-ledger.ts'
import type { Offer } from '../../../../protocols/plan/offer.ts'
import type { Plan } from '../../../../protocols/plan/plan.ts'
import { id8, toHex } from '../../../../protocols/wire/encoding.ts'
import { FoundingTalk } from '../../../../scripts/common/site/founding.ts'
import { Terminal } from '../../../../scripts/terminal/terminal.ts'
import { textFingerprint } from '../../../../src/files/fingerprint.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { Recorder } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { aPlan } from '../../../support/people.ts'
import { Person } from '../../../support/person.ts'

const WINDOWS: Windows = { ids: Int32Array.from({ length: 512 }, (_, i) => i % 50), count: 4, length: 128 }
const MASKED = { merge: 'pooled', masked: true, sample: 1_000_000, rounds: 1 } as const
const AT = Date.UTC(2026, 10, 27, 16)
const EARLIER = aPlan({ ...MASKED, members: 4 }).plan

const planOf = (changes: Partial<Offer>): Plan => aPlan({ ...MASKED, ...changes }).plan

/** The talk of the first member, whose ledger has an earlier federation of four. */
async function talkOf(context: TestContext, who: Person | null, unasked = new Recorder()) {
  const ledger = TextLedger.open(await temporaryDirectory(context))
  await ledger.record({ text: textFingerprint(WINDOWS), plan: EARLIER, at: AT })
  const stderr = who?.screen ?? unasked
  const terminal = new Terminal({ stdout: new Recorder(), stderr, stdin: () => who?.keyboard, json: false })
  const { signal } = new AbortController()
  const own = EARLIER.members[0]
  const talk = new FoundingTalk({
    run: { terminal, signal },
    role: 'joiner',
    own,
    ledger,
    data: '/srv/south',
    yes: who === null,
  })
  talk.brings(WINDOWS)
  return { talk, signal, said: () => stderr.text, clear: () => terminal.clear() }
}

/** The site that is in a plan of more members, and not in one of fewer. */
function odd(more: Plan, fewer: Plan): string {
  const there = new Set(fewer.members.map(({ peer }) => toHex(peer)))
  const [one, ...others] = more.members.filter(({ peer }) => !there.has(toHex(peer)))
  assert.deepEqual(others, [])
  return one.site
}

describe('before a site signs a masked plan', () => {
  it('it names the one whose part two sums would show, and asks', async (context) => {
    const fewer = planOf({ members: 3 })
    const who = new Person([[/Sign the plan all the same as site \d\?/, 'n']])
    const { talk, signal, said } = await talkOf(context, who)
    assert.equal(await talk.agree?.(fewer, signal), false)
    const gone = odd(EARLIER, fewer)
    assert.match(
      said(),
      new RegExp(
        `Your text was in sums before, in federation ${id8(EARLIER.id)} on 2026-11-27, with other members:\\n` +
          ` {2}${gone} \\(12D3Koo\\S+\\) was there, and is not here\\.\\n` +
          `If the others use the same texts again, .* sees what ${gone} \\(\\S+\\) alone offers\\.`,
      ),
    )
  })

  it('it names those who have come', async (context) => {
    const more = planOf({ members: 6 })
    const who = new Person([[/Sign the plan all the same/, 'y']])
    const { talk, signal, said } = await talkOf(context, who)
    assert.equal(await talk.agree?.(more, signal), true)
    assert.equal(said().match(/is here, and was not there\./g)?.length, 2)
    assert.match(said(), /and sees the sum of what site \d \(\S+\), site \d \(\S+\) offer\./)
  })

  it('it says nothing of the same members again, nor where the plan is open', async (context) => {
    for (const plan of [planOf({ members: 4, rounds: 2 }), planOf({ members: 3, masked: false })]) {
      const who = new Person([[/Sign the plan as site \d\?/, 'y']])
      const { talk, signal, said } = await talkOf(context, who)
      assert.equal(await talk.agree?.(plan, signal), true)
      assert.doesNotMatch(said(), /in sums before/)
    }
  })

  it('with --yes it says so and goes on', async (context) => {
    const { talk, said } = await talkOf(context, null)
    assert.equal(talk.agree, null)
    const plan = planOf({ members: 3 })
    talk.onEvent({ type: 'founded', plan, planId: toHex(plan.id), out: 'out' })
    assert.match(said(), /was there, and is not here\./)
    assert.match(said(), /All have signed/)
  })

  it('it warns where too few sites are left for some group when one is missing', async (context) => {
    const { talk, said } = await talkOf(context, null)
    const plan = planOf({ members: 6, rounds: 2 }) // all have a capacity of one half
    talk.onEvent({ type: 'founded', plan, planId: toHex(plan.id), out: 'out' })
    assert.match(said(), /Some group of blocks has only 3 sites\. Where one of them is missing, fewer than 3 are left/)
  })
})

describe('while a plan is signed', () => {
  it('the line of progress names those who are waited for, and never nobody', async (context) => {
    const { talk, said, clear } = await talkOf(context, null, new Recorder(true, 200))
    context.after(() => clear())
    const [self, second, ...rest] = EARLIER.members.map(({ index }) => index)
    const lineOf = (signed: number[]) => {
      const before = said().length
      talk.onEvent({ type: 'signing', plan: EARLIER, signed })
      return said().slice(before)
    }
    lineOf([])
    assert.match(lineOf([self, ...rest]), new RegExp(`Waiting for ${EARLIER.members[1].site} .*to sign`))
    assert.match(lineOf([second, ...rest]), /All others have signed: signing the plan/)
    assert.match(lineOf([self, second, ...rest]), /All have signed the plan/)
  })
})
