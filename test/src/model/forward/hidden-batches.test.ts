import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HiddenBatches } from '../../../../src/model/forward/hidden-batches.ts'
import * as ort from '../../../../src/runtime/onnx-runtime.ts'

const batch = (rows: number, first: number) =>
  new ort.Tensor(
    'float32',
    Float32Array.from({ length: rows * 2 }, (_, i) => first + i),
    [rows, 2],
  )

const values = ({ data }: ort.Tensor) => [...(data as Float32Array)]

function threeBatches(): HiddenBatches {
  const hidden = new HiddenBatches(3, 4)
  hidden.add(batch(2, 0))
  hidden.add(batch(2, 10))
  hidden.add(batch(1, 20)) // the last one is shorter
  return hidden
}

describe('the stream of all batches', () => {
  it('gives back the batches that were put in', () => {
    const hidden = threeBatches()
    assert.deepEqual(
      [0, 1, 2].map((at) => values(hidden.at(at))),
      [
        [0, 1, 2, 3],
        [10, 11, 12, 13],
        [20, 21],
      ],
    )
    assert.deepEqual(hidden.at(2).dims, [1, 2])
  })

  it('is written anew any number of times, no batch over one that is still to be read', async () => {
    const hidden = threeBatches()
    for (let pass = 1; pass <= 3; pass++) {
      await hidden.pass(async (_, old, into) => {
        const from = values(old) // the reader may read again after it has begun to write
        for (const [i, value] of from.entries()) (into.data as Float32Array)[i] = value + 100
        assert.deepEqual(values(old), from)
      })
      assert.deepEqual(
        values(hidden.at(0)),
        [0, 1, 2, 3].map((value) => value + 100 * pass),
      )
      assert.deepEqual(
        values(hidden.at(2)),
        [20, 21].map((value) => value + 100 * pass),
      )
    }
  })

  it('shows batches of one size as one tensor, before and after a pass', async () => {
    const hidden = threeBatches()
    for (const plus of [0, 1]) {
      const both = hidden.together(0, 2)
      assert.deepEqual(both.dims, [2, 2, 2])
      assert.deepEqual(
        values(both),
        [0, 1, 2, 3, 10, 11, 12, 13].map((value) => value + plus),
      )
      assert.deepEqual(hidden.together(2, 1).dims, [1, 1, 2])
      await hidden.pass(async (_, old, into) => {
        ;(into.data as Float32Array).set(values(old).map((value) => value + 1))
      })
    }
  })
})
