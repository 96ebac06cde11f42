import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InputError, OutputError } from '../../src/base/errors.ts'
import { Chance, type Fuzz, faultOf, fuzz, mutateBytes, mutateJson } from './frame.ts'

const REFUSAL = { code: 'X', what: 'what, where', hint: 'What to do.' }

describe('the frame of the fuzz tests', () => {
  it('takes refusals of exit 3 in two lines, and nothing else', () => {
    assert.equal(faultOf(new InputError(REFUSAL)), null)
    assert.match(faultOf(new OutputError(REFUSAL)) ?? '', /exit 8/)
    assert.match(faultOf(new TypeError('oops')) ?? '', /exit 1/)
    assert.match(faultOf(new InputError({ ...REFUSAL, hint: '' })) ?? '', /not two lines/)
  })

  it('names seed, number and mutation of what fails', async () => {
    const attempt: Fuzz['attempt'] = (chance, tell) => {
      tell(`drew ${chance.below(10)}`)
      if (chance.below(5) === 0) throw new TypeError('oops')
    }
    const { message } = await fuzz({ seed: 3, count: 100, attempt }).then(
      () => assert.fail('nothing failed'),
      (error: Error) => error,
    )
    const [, number, told] = /^seed 3, mutation (\d+): (drew \d)\n/.exec(message) ?? assert.fail(message)
    await assert.rejects(fuzz({ seed: 3, count: 1, from: Number(number), attempt }), { message: new RegExp(told) })
  })

  it('draws the same mutations from the same seed, which differ from the original', () => {
    const text = JSON.stringify({ a: [1, 2, { b: 'text' }], c: null, d: true })
    let changed = 0
    for (let seed = 0; seed < 200; seed++) {
      const [one, two] = [mutateJson(new Chance(seed), text), mutateJson(new Chance(seed), text)]
      assert.deepEqual(one, two)
      assert.deepEqual(
        mutateBytes(new Chance(seed), Buffer.from(text)),
        mutateBytes(new Chance(seed), Buffer.from(text)),
      )
      changed += Number(one.content !== text)
    }
    assert.ok(changed > 180, `${changed} of 200`)
  })
})
