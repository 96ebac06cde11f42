import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PrunerName } from '../../../../src/form/method.ts'
import { type LayerGroup, pruneGroup } from '../../../../src/prune/run/group.ts'
import { Solvers } from '../../../../src/prune/run/solvers.ts'
import { OnnxAlgebra } from '../../../../src/runtime/onnx-algebra.ts'
import { Random } from '../../../support/random.ts'

const HALF = { kind: 'unstructured', ppm: 500_000 } as const

/** Groups of different size, made anew for every use: a solver takes their arrays away. */
function groups(pruner: PrunerName): LayerGroup[] {
  return [48, 130, 20].map((cols, k) => {
    const random = new Random(k)
    const sums = random.gram(cols, 40)
    return {
      pruner,
      target: HALF,
      cols,
      layers: [7, 12].map((rows) => ({ weight: random.normals(rows * cols), rows })),
      meanSquares: Float32Array.from({ length: cols }, (_, j) => sums[j * (cols + 1)]),
      gram: pruner === 'sparsegpt' ? { sums, scale: 0.1 } : null,
    }
  })
}

describe('groups of layers pruned side by side', () => {
  for (const pruner of ['magnitude', 'wanda', 'sparsegpt'] as const) {
    it(`gives the same as one after the other, in the order asked: ${pruner}`, async () => {
      const linear = await OnnxAlgebra.create({ threads: 1 })
      const expected = []
      for (const group of groups(pruner)) expected.push(await pruneGroup(group, linear))
      await linear.dispose()
      for (const threads of [1, 2, 4]) {
        await using solvers = await Solvers.create(threads)
        for (let call = 0; call < 2; call++) {
          assert.deepEqual(await solvers.prune(groups(pruner)), expected, `${threads} threads, call ${call}`)
        }
      }
    })
  }

  it('passes on a refusal of any thread, and continues', async () => {
    await using solvers = await Solvers.create(2)
    for (const at of [0, 1, 2]) {
      const spoilt = groups('wanda')
      spoilt[at].layers[0].weight[3] = Number.NaN
      await assert.rejects(solvers.prune(spoilt), { name: 'InputError', code: 'NOT_FINITE' }, `group ${at}`)
    }
    assert.equal((await solvers.prune(groups('wanda'))).length, 3)
  })
})
