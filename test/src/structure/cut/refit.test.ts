import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { LinearAlgebra } from '../../../../src/algebra/linear-algebra.ts'
import type { BlockWeights } from '../../../../src/form/block-weights.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { OnnxAlgebra } from '../../../../src/runtime/onnx-algebra.ts'
import { leastSquares, refit } from '../../../../src/structure/cut/refit.ts'
import { structuresOf } from '../../../../src/structure/find/follow-blocks.ts'
import { zeroedWeights } from '../../../../src/structure/find/zero-readers.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath } from '../../../support/shared.ts'

describe('a layer that reads removed places', () => {
  let linear: LinearAlgebra
  before(async () => {
    linear = await OnnxAlgebra.create({ threads: 1 })
  })
  after(() => linear.dispose())

  it('has the weights of the normal equations', async () => {
    const random = new Random(7)
    const [rows, cols, left] = [3, 6, [0, 2, 3, 5]]
    const gram = random.gram(cols, 40)
    const weight = random.normals(rows * cols)
    const fitted = await leastSquares({ weight, rows, cols, gram, left }, linear)
    let lambda = 0
    for (let j = 0; j < cols; j++) lambda += (0.01 * gram[j * cols + j]) / cols
    const h = (i: number, j: number) => gram[i * cols + j] + (i === j ? lambda : 0)
    for (let row = 0; row < rows; row++) {
      for (const place of [1, 4]) assert.equal(fitted[row * cols + place], 0)
      // (W' (H_KK + lambda I))_k = (W H_:K + lambda W_K)_k
      for (const k of left) {
        const ours = left.reduce((sum, i) => sum + fitted[row * cols + i] * h(i, k), 0)
        let wanted = 0
        for (let i = 0; i < cols; i++) wanted += weight[row * cols + i] * h(i, k)
        assert.ok(Math.abs(ours - wanted) < 1e-4 * Math.abs(wanted) + 1e-5, `${ours} ${wanted}`)
      }
    }
  })

  it('stays as it is where nothing is removed', async () => {
    const random = new Random(8)
    const weight = random.normals(2 * 5)
    const all = { weight, rows: 2, cols: 5, gram: random.gram(5, 30), left: [0, 1, 2, 3, 4] }
    for (const [i, w] of (await leastSquares(all, linear)).entries()) assert.ok(Math.abs(w - weight[i]) < 1e-4)
  })

  it("restores more of a block's output than zeros do", async () => {
    const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    const structures = await structuresOf(decoder)
    const random = new Random(9)
    const ids = Int32Array.from({ length: 8 * 64 }, () => Math.floor(random.next() * 512))
    const windows: Windows = { ids, count: 8, length: 64 }
    const removed = structures[0].map((structure) => ({
      structure,
      units: Array.from({ length: Math.floor(structure.units / 2) }, (_, k) => 2 * k),
    }))
    let fitted: BlockWeights | undefined
    await refit(decoder, {
      ...{ removals: [{ block: 0, removed }], windows, linear },
      onBlock: (_, weights) => {
        fitted = weights
      },
    })
    const stateOf = async (weights: BlockWeights | undefined) => {
      const stream = await Stream.start(decoder, windows)
      await stream.pass(0, weights)
      return Float32Array.from(stream.state.values)
    }
    const dense = await stateOf(undefined)
    const errorOf = (state: Float32Array) => state.reduce((sum, x, i) => sum + (x - dense[i]) ** 2, 0)
    const [ours, zeros] = [errorOf(await stateOf(fitted)), errorOf(await stateOf(zeroedWeights(decoder, 0, removed)))]
    assert.ok(ours < 0.7 * zeros, `${ours} ${zeros}`)
  })
})
