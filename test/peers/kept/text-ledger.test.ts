import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { DataDirectory } from '../../../peers/disk/data-directory.ts'
import { TEXT_LEDGER_FILE, TextLedger, type TotalConflict } from '../../../peers/kept/text-ledger.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import type { SiteLabel } from '../../../protocols/plan/site-name.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { sealJson } from '../../../src/files/sealed-json.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { aPlan, person } from '../../support/people.ts'

const TEXT = 'ab'.repeat(32)
const OTHER_TEXT = 'cd'.repeat(32)
/** Milliseconds since 1970. */
const AT = 1_790_000_000_000

const site = (number: number): SiteLabel => ({ peer: person(number).peerId, site: `site ${number}` })

/** The part of a plan that is recorded. @param number - tells plans apart */
const planOf = (number: number, ...members: number[]): Pick<Plan, 'id' | 'members'> => {
  const { plan } = aPlan({ members: 2 })
  const labels = members.map((member, index) => ({ ...plan.members[0], ...site(member), index }))
  return { id: new Uint8Array(32).fill(number), members: labels }
}

const names = ({ gone, come }: TotalConflict) => ({
  gone: gone.map(({ site }) => site),
  come: come.map(({ site }) => site),
})

async function aLedger(context: TestContext): Promise<{ directory: string; ledger: TextLedger }> {
  const directory = await temporaryDirectory(context)
  return { directory, ledger: TextLedger.open(directory) }
}

describe('the text ledger of a site', () => {
  it('names the members that are in only one of two federations on one text', async (context) => {
    const { ledger } = await aLedger(context)
    await ledger.record({ text: TEXT, plan: planOf(1, 1, 2, 3, 4), at: AT })
    const conflicts = (...members: number[]) => ledger.conflictsOf(TEXT, members.map(site)).map(names)
    assert.deepEqual(conflicts(1, 2, 3), [{ gone: ['site 4'], come: [] }])
    assert.deepEqual(conflicts(1, 2, 3, 4, 5), [{ gone: [], come: ['site 5'] }])
    assert.deepEqual(conflicts(5, 6, 1, 2), [{ gone: ['site 3', 'site 4'], come: ['site 5', 'site 6'] }])
  })

  it('has nothing against the same members again, in any order and under other names, nor against another text', async (context) => {
    const { ledger } = await aLedger(context)
    await ledger.record({ text: TEXT, plan: planOf(1, 1, 2, 3), at: AT })
    assert.deepEqual(ledger.conflictsOf(TEXT, [3, 1, 2].map(site)), [])
    const renamed = [1, 2, 3].map((number) => ({ ...site(number), site: 'renamed' }))
    assert.deepEqual(ledger.conflictsOf(TEXT, renamed), [])
    assert.deepEqual(ledger.conflictsOf(OTHER_TEXT, [1, 2].map(site)), [])
  })

  it('is on the disk when it was recorded, all of it, once a plan and text', async (context) => {
    const { directory, ledger } = await aLedger(context)
    await Promise.all([
      ledger.record({ text: TEXT, plan: planOf(1, 1, 2, 3), at: AT }),
      ledger.record({ text: TEXT, plan: planOf(1, 1, 2, 3), at: AT + 1 }),
      ledger.record({ text: OTHER_TEXT, plan: planOf(1, 1, 2, 3), at: AT + 2 }),
      ledger.record({ text: TEXT, plan: planOf(2, 1, 2, 4), at: AT + 3 }),
    ])
    const again = TextLedger.open(directory)
    const expected = [
      { federation: toHex(planOf(1).id), at: AT, gone: [site(2), site(3)], come: [] },
      { federation: toHex(planOf(2).id), at: AT + 3, gone: [site(2), site(4)], come: [] },
    ]
    for (const each of [ledger, again]) assert.deepEqual(each.conflictsOf(TEXT, [site(1)]), expected)
    assert.deepEqual(again.conflictsOf(OTHER_TEXT, [site(1), site(2)]), [
      { federation: toHex(planOf(1).id), at: AT + 2, gone: [site(3)], come: [] },
    ])
  })

  it('finds the same members in a difference, whichever of both federations was first', async (context) => {
    const directory = await temporaryDirectory(context)
    const rosters = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 8 })
    let turn = 0
    await fc.assert(
      fc.asyncProperty(rosters, rosters, async (first, second) => {
        const text = toHex(new Uint8Array(32).fill(++turn))
        const conflict = async (before: number[], now: number[], way: string) => {
          const ledger = TextLedger.open(directory)
          await ledger.record({ text: text + way, plan: planOf(1, ...before), at: AT })
          const [found = null] = ledger.conflictsOf(text + way, now.map(site)).map(names)
          return found && { gone: found.gone.sort(), come: found.come.sort() }
        }
        const [there, back] = [await conflict(first, second, '00'), await conflict(second, first, '01')]
        assert.deepEqual(there, back && { gone: back.come, come: back.gone })
        const only = (a: number[], b: number[]) => a.filter((each) => !b.includes(each)).map((each) => site(each).site)
        const [gone, come] = [only(first, second).sort(), only(second, first).sort()]
        assert.deepEqual(there, gone.length + come.length === 0 ? null : { gone, come })
      }),
      { numRuns: 40 },
    )
  })

  it('is refused by its name where it is damaged, and so is its data directory', async (context) => {
    const { directory, ledger } = await aLedger(context)
    await ledger.record({ text: TEXT, plan: planOf(1, 1, 2, 3), at: AT })
    const path = join(directory, TEXT_LEDGER_FILE)
    const whole = await readFile(path, 'utf8')
    const entry = { text: TEXT, federation: TEXT, roster: [{ peer: toHex(person(1).peerId), site: 'x' }], at: AT }
    const sealed = (value: object) => sealJson(value)
    const good = sealed({ format: 1, totals: [entry] })
    const damaged = [
      '',
      '{}',
      whole.slice(0, -3),
      whole.replace('site 1', 'site 7'),
      sealed({ format: 2, totals: [] }),
      sealed({ format: 1, totals: [{ ...entry, text: 'ABC' }] }),
      sealed({ format: 1, totals: [{ ...entry, at: 'now' }] }),
      sealed({ format: 1, totals: [{ ...entry, roster: [{ peer: '00', site: 'x' }] }] }),
      sealed({ format: 1, totals: [{ ...entry, more: 1 }] }),
    ]
    await writeFile(path, good)
    assert.equal(TextLedger.open(directory).conflictsOf(TEXT, []).length, 1)
    for (const bytes of damaged) {
      await writeFile(path, bytes)
      const refusal = { code: 'OUTPUT_LEDGER_DAMAGED', exit: 8, message: new RegExp(`${TEXT_LEDGER_FILE} is damaged`) }
      assert.throws(() => TextLedger.open(directory), refusal, bytes)
      await assert.rejects(DataDirectory.open(directory), refusal, bytes)
    }
    await writeFile(path, whole)
    await using data = await DataDirectory.open(directory)
    assert.equal(data.textLedger.conflictsOf(TEXT, [site(1)]).length, 1)
  })
})
