import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomeError } from '../../../peers/round/outcome.ts'
import type { ExitReason } from '../../../protocols/round/types.ts'

test('each way in which a federation ends without a model has its own code and exit', () => {
  const CODES: [Exclude<ExitReason, 'done'>, string, number][] = [
    ['noAgreement', 'NO_AGREEMENT', 6],
    ['harmed', 'NO_AGREEMENT_HARM', 6],
    ['cheated', 'NO_AGREEMENT_MASKED', 6],
    ['diverged', 'DIVERGED', 7],
  ]
  for (const [reason, code, exit] of CODES) {
    const error = outcomeError(reason, 'as it was found', '/data/0a1b2c3d')
    assert.deepEqual([error.code, error.exit], [code, exit])
    assert.match(error.message, /as it was found$/)
  }
})

test('what would convict a member of a masked plan is said to be kept', () => {
  const { hint } = outcomeError('cheated', 'a reason', '/data/0a1b2c3d')
  assert.match(hint ?? '', /kept in \/data\/0a1b2c3d\. .*--open.*without the wrong one/)
})
