import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { siteNameFault } from '../../../../protocols/plan/site-name.ts'
import { allocate, siteNames } from '../../../../scripts/commands/simulate/windows.ts'
import { keptOut } from '../../../../scripts/common/site/kept-out.ts'
import { InputError } from '../../../../src/base/errors.ts'

describe('the windows of simulated sites', () => {
  it('give peer i the text i mod F, and sharers different windows', () => {
    const texts = [
      { name: 'a', windows: 20 },
      { name: 'b', windows: 20 },
    ]
    assert.deepEqual(allocate(4, texts, 10, false), {
      sites: [
        { text: 0, from: 0, count: 10 },
        { text: 1, from: 0, count: 10 },
        { text: 0, from: 10, count: 10 },
        { text: 1, from: 10, count: 10 },
      ],
      kept: [],
    })
  })

  it('keep the end of each text out of calibration', () => {
    const texts = [
      { name: 'a', windows: 50 },
      { name: 'b', windows: 35 },
    ]
    assert.deepEqual(allocate(2, texts, 32, true).kept, [
      { text: 0, from: 47, count: 3 },
      { text: 1, from: 32, count: 3 },
    ])
  })

  it('keep a tenth out, at least one', () => {
    assert.deepEqual([1, 9, 10, 32, 128].map(keptOut), [1, 1, 1, 3, 12])
  })

  it('refuse a text that is too short, and say how many windows are needed', () => {
    const texts = [
      { name: 'a', windows: 100 },
      { name: 'b', windows: 12 },
    ]
    assert.throws(
      () => allocate(3, texts, 12, true),
      (error) => error instanceof InputError && /the text b has 12 windows, 13 are needed/.test(error.message),
    )
  })

  it('never overlap, whatever is asked for', () => {
    const windowCounts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        windowCounts,
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        property,
      ),
    )
    function property(peers: number, counts: number[], windows: number, keep: boolean): void {
      const texts = counts.map((count, i) => ({ name: String(i), windows: count }))
      let allocation: ReturnType<typeof allocate>
      try {
        allocation = allocate(peers, texts, windows, keep)
      } catch (error) {
        assert.ok(error instanceof InputError)
        return
      }
      const used = new Set<string>()
      for (const { text, from, count } of [...allocation.sites, ...allocation.kept]) {
        for (let window = from; window < from + count; window++) {
          assert.ok(window >= 0 && window < texts[text].windows, `text ${text} has no window ${window}`)
          assert.ok(!used.has(`${text}/${window}`), `window ${window} of text ${text} is used twice`)
          used.add(`${text}/${window}`)
        }
      }
      assert.equal(allocation.sites.length, peers)
    }
  })

  it('name sites after their text, numbered where several share it', () => {
    assert.deepEqual(siteNames(3, ['a', 'b', 'c']), ['a', 'b', 'c'])
    assert.deepEqual(siteNames(3, ['a', 'b']), ['a-1', 'b-1', 'a-2'])
  })

  it('have names that a site may have, whatever their texts are called', () => {
    const texts = ['a\tb', 'x'.repeat(60), '  ', 'e\u0301', '...', 'a  b']
    assert.deepEqual(siteNames(6, texts), ['a_b', 'x'.repeat(37), 'site', '\u00e9', 'site', 'a b'])
    for (const name of siteNames(64, texts)) assert.equal(siteNameFault(name), null, name)
  })
})
