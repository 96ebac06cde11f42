import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CoppiceError } from '../../../src/base/errors.ts'
import { endOf } from '../../../src/engine/workers.ts'

describe('the end of an engine process that nobody has ended', () => {
  it('is a refusal where ONNX Runtime has aborted it, in the words that it left', () => {
    const error = endOf(null, 'SIGABRT', 'terminate called without an active exception\n')
    assert.ok(error instanceof CoppiceError)
    assert.equal(error.code, 'MODEL_REFUSED_BY_RUNTIME')
    assert.match(error.message, /it ended its process with SIGABRT\. terminate called without an active exception$/)
  })

  it('is a refusal where the system has killed it, which it does for want of memory', () => {
    const error = endOf(null, 'SIGKILL', '')
    assert.ok(error instanceof CoppiceError)
    assert.equal(error.code, 'MEMORY_SHORT')
  })

  it('is a bug with its stack trace where it has ended by itself', () => {
    const error = endOf(1, null, 'TypeError: oops')
    assert.equal(error instanceof CoppiceError, false)
    assert.match(error.message, /code 1\nTypeError: oops/)
  })
})
