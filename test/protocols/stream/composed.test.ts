import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { composed } from '../../../protocols/stream/composed.ts'

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

test('aborts with the reason of the first parent that does', () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const { signal } = composed(a.signal, undefined, b.signal)
  b.abort('second')
  a.abort('first')
  assert.equal(signal.reason, 'second')
})

test('a parent that has aborted already aborts it at once', () => {
  assert.equal(composed(new AbortController().signal, AbortSignal.abort('over')).signal.reason, 'over')
})

test('leaves no listener behind, whether it was cleared or has aborted', () => {
  const long = new AbortController()
  for (let i = 0; i < 100; i++) composed(long.signal).clear()
  const short = new AbortController()
  composed(long.signal, short.signal)
  short.abort()
  composed(long.signal, AbortSignal.abort())
  {
    using disposed = composed(long.signal)
    assert.equal(listeners(long.signal), 1)
    assert.ok(!disposed.signal.aborted)
  }
  assert.equal(listeners(long.signal), 0)
})
