import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Windows } from '../../../src/form/windows.ts'
import { keepOut, rowsOfStep } from '../../../src/recover/rows.ts'

function rowsOf(count: number): Windows {
  return {
    ids: Int32Array.from({ length: 2 * count }, (_, i) => i),
    count,
    length: 2,
    targets: new Uint8Array(2 * count).map((_, i) => i % 2),
  }
}

describe('rows', () => {
  it('are learnt in order, and from the first again behind the last', () => {
    assert.deepEqual([...rowsOfStep(rowsOf(5), 0, 3).ids], [0, 1, 2, 3, 4, 5])
    assert.deepEqual([...rowsOfStep(rowsOf(5), 1, 3).ids], [6, 7, 8, 9, 0, 1])
    assert.deepEqual([...rowsOfStep(rowsOf(2), 0, 5).ids], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    assert.deepEqual([...(rowsOfStep(rowsOf(2), 0, 3).targets ?? [])], [0, 1, 0, 1, 0, 1])
  })

  it('are kept out at the end: a tenth, at least one, at most 32', () => {
    for (const [count, kept] of [
      [2, 1],
      [19, 1],
      [20, 2],
      [1000, 32],
    ]) {
      const { rows, held } = keepOut(rowsOf(count), 'text')
      assert.deepEqual([rows.count, held.count], [count - kept, kept])
      assert.deepEqual([...rows.ids, ...held.ids], [...rowsOf(count).ids])
      assert.deepEqual([...(rows.targets ?? []), ...(held.targets ?? [])], [...(rowsOf(count).targets ?? [])])
    }
  })

  it('are too few where none is left to learn', () => {
    for (const count of [0, 1]) assert.throws(() => keepOut(rowsOf(count), 'text'), { code: 'TEXT_SHORT' })
  })
})
