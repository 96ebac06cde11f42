import assert from 'node:assert/strict'
import { test } from 'node:test'
import { harmLimitOf } from '../../../protocols/plan/harm-limit.ts'
import type { SparsityTarget } from '../../../src/form/method.ts'

const ENOUGH = { windows: 2, window: 128 }

test('the limit of harm grows with the share that is removed, unless the offer gives one', () => {
  const limit = (target: SparsityTarget, harmLimit?: number) =>
    harmLimitOf({ harmLimit, method: { pruner: 'wanda', target }, ...ENOUGH })
  const zeros = (ppm: number) => ({ kind: 'unstructured', ppm }) as const
  assert.deepEqual(
    [0, 500_000, 500_001, 600_000, 600_001, 800_000, 800_001, 999_999].map((ppm) => limit(zeros(ppm))),
    [1.5, 1.5, 2.5, 2.5, 3.5, 5, 10, 10],
  )
  assert.deepEqual([limit({ kind: 'pattern', n: 2, m: 4 }), limit({ kind: 'pattern', n: 3, m: 4 })], [1.5, 5])
  assert.equal(limit(zeros(900_000), 1_250_000), 1.25)
  const structured = { kind: 'structured', ppm: 250_000, from: 0, to: 2, steps: 0 } as const
  assert.equal(harmLimitOf({ method: { pruner: 'llm-pruner', target: structured }, ...ENOUGH }), 1.5)
})

test('where so little text was never measured the limit is the widest', () => {
  const method = { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } } as const
  assert.equal(harmLimitOf({ method, windows: 2, window: 127 }), 10)
  assert.equal(harmLimitOf({ method, windows: 2, window: 64, harmLimit: 1_250_000 }), 1.25)
})
