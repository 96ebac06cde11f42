/** The pruner's own loss, checked against the quadratic form that it stands for. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { PrunerName } from '../../../../src/form/method.ts'
import { type LayerGroup, pruneGroup } from '../../../../src/prune/run/group.ts'
import { OnnxAlgebra } from '../../../../src/runtime/onnx-algebra.ts'
import { Random } from '../../../support/random.ts'

const [ROWS, COLS, SCALE] = [12, 150, 0.05]

function group(pruner: PrunerName, meanSquares: Float32Array | null = null): LayerGroup {
  const random = new Random(7)
  const sums = random.gram(COLS, 400)
  return {
    pruner,
    target: { kind: 'unstructured', ppm: 400_000 },
    cols: COLS,
    layers: [{ weight: random.normals(ROWS * COLS), rows: ROWS }],
    meanSquares,
    gram: pruner === 'sparsegpt' ? { sums, scale: SCALE } : null,
  }
}

let linear: OnnxAlgebra
before(async () => {
  linear = await OnnxAlgebra.create({ threads: 1 })
})
after(() => linear.dispose())

async function pruned(given: LayerGroup) {
  const dense = given.layers[0].weight.slice()
  const [layer] = await pruneGroup(given, linear)
  return { ...layer, dense }
}

/** The sum over rows of d H d^T. */
function quadratic(d: Float64Array, h: (i: number, j: number) => number): number {
  let sum = 0
  for (let row = 0; row < ROWS; row++) {
    for (let i = 0; i < COLS; i++) {
      for (let j = 0; j < COLS; j++) sum += d[row * COLS + i] * h(i, j) * d[row * COLS + j]
    }
  }
  return sum
}

describe('the error of a pruned layer', () => {
  it("is SparseGPT's squared change of outputs by the damped Hessian, over that of zeros with independent inputs", async () => {
    const given = group('sparsegpt')
    const gram = given.gram?.sums.slice() ?? new Float32Array()
    const h = (i: number, j: number) => SCALE * gram[Math.min(i, j) * COLS + Math.max(i, j)]
    const { weight, dense, error, damping } = await pruned(given)
    let mean = 0
    for (let j = 0; j < COLS; j++) mean += h(j, j) / COLS
    const damped = (i: number, j: number) => h(i, j) + (i === j ? (damping ?? 0) * mean : 0)
    const moved = Float64Array.from(weight, (value, i) => value - dense[i])
    const whole = dense.reduce((sum, value, i) => sum + value * value * h(i % COLS, i % COLS), 0)
    const expected = quadratic(moved, damped) / whole
    assert.ok(Math.abs(Number(error) / expected - 1) < 1e-3, `${error}, expected ${expected}`)
  })

  it("is the share of Wanda's saliencies that went, and of squares for magnitude", async () => {
    const meanSquares = Float32Array.from({ length: COLS }, (_, j) => 1 + (j % 7))
    for (const [pruner, columns] of [
      ['wanda', meanSquares],
      ['magnitude', meanSquares.map(() => 1)],
    ] as const) {
      const { weight, dense, error } = await pruned(group(pruner, meanSquares))
      const sum = (lost: boolean) =>
        dense.reduce((total, w, i) => total + (lost && weight[i] !== 0 ? 0 : w * w * columns[i % COLS]), 0)
      assert.ok(Math.abs(Number(error) - sum(true) / sum(false)) < 1e-9, pruner)
    }
  })

  it('is unknown of a layer that was all zeros', async () => {
    const given = group('magnitude')
    given.layers[0].weight.fill(0)
    assert.equal((await pruned(given)).error, null)
  })
})
