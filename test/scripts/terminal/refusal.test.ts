import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { endingOf } from '../../../scripts/terminal/refusal.ts'
import { EXIT, InputError, OutputError } from '../../../src/errors.ts'

const refusal = { code: 'X', what: 'what, where', hint: 'What to do.' }

describe('the end of a command', () => {
  it('is two lines and the exit code of a refusal', () => {
    assert.deepEqual(endingOf(new InputError(refusal)), { exit: 3, text: 'coppice: what, where\nWhat to do.\n' })
    assert.equal(endingOf(new OutputError(refusal)).exit, EXIT.output)
  })

  it('is two lines whatever the names in a file are', () => {
    const { text } = endingOf(new InputError({ ...refusal, what: 'tensor "a\nb\u001b[31m\r\u2028c" is odd\n' }))
    assert.equal(text, 'coppice: tensor "a b [31m c" is odd\nWhat to do.\n')
    assert.ok(endingOf(new InputError({ ...refusal, what: 'x'.repeat(1e6) })).text.length < 3000)
  })

  it('is a stack trace for a bug, with what caused it', () => {
    const { exit, text } = endingOf(new TypeError('oops', { cause: new RangeError('deeper') }))
    assert.equal(exit, 1)
    assert.match(text, /^coppice: a bug/)
    assert.match(text, /TypeError: oops\n {4}at /)
    assert.match(text, /Caused by: RangeError: deeper/)
  })

  it('is a bug for what is thrown and no error', () => {
    assert.deepEqual(endingOf('text'), { exit: 1, text: 'coppice: a bug, please report it\ntext\n' })
  })
})
