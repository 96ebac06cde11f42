import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InterruptedError, Interruption, SAME_WISH_MS } from '../../../scripts/terminal/interruption.ts'

function interruption() {
  const exits: number[] = []
  return { exits, interruption: new Interruption(({ exit }) => exits.push(exit)) }
}

describe('an interruption', () => {
  it('aborts with the exit code of its signal', () => {
    for (const [name, exit] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      using it = interruption().interruption
      it.receive(name, 0)
      const { reason } = it.signal
      assert.ok(reason instanceof InterruptedError)
      assert.equal(reason.exit, exit, name)
    }
  })

  it('takes one keystroke that arrives twice for one wish', () => {
    const { exits, interruption: it } = interruption()
    using _ = it
    it.receive('SIGINT', 10)
    it.receive('SIGINT', 10 + SAME_WISH_MS)
    assert.deepEqual(exits, [])
  })

  it('ends the process at once at a second wish', () => {
    const { exits, interruption: it } = interruption()
    using _ = it
    it.receive('SIGTERM', 10)
    it.receive('SIGINT', 11 + SAME_WISH_MS)
    assert.deepEqual(exits, [130])
  })

  it('leaves no listener behind', () => {
    const before = process.listenerCount('SIGINT')
    interruption().interruption[Symbol.dispose]()
    assert.equal(process.listenerCount('SIGINT'), before)
  })
})
