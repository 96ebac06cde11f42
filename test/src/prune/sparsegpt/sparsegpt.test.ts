import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { LinearAlgebra } from '../../../../src/algebra/linear-algebra.ts'
import { isKept } from '../../../../src/form/mask.ts'
import type { SparsityTarget } from '../../../../src/form/method.ts'
import { factorise, sparsegpt, sparsegptMany } from '../../../../src/prune/sparsegpt/sparsegpt.ts'
import { OnnxAlgebra } from '../../../../src/runtime/onnx-algebra.ts'
import { Random } from '../../../support/random.ts'
import { sparsegptTwin } from './sparsegpt-twin.ts'

let linear: LinearAlgebra
before(async () => {
  linear = await OnnxAlgebra.create()
})
after(() => linear.dispose())

const share = (ppm: number): SparsityTarget => ({ kind: 'unstructured', ppm })
const TWO_OF_FOUR: SparsityTarget = { kind: 'pattern', n: 2, m: 4 }

describe('SparseGPT on an example by hand', () => {
  // Computed with the authors' program, then with exact counts. One sequence, so H = 2 X^T X.
  const weight = Float32Array.of(1, -2, 3, -4, 4, 3, -2, 1)
  const gram = Float32Array.of(7, 2, 1, 0, 2, 4, 1, -1, 1, 1, 3, 2, 0, -1, 2, 7)
  const identity = Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
  const dead = gram.map((value, at) => (at % 4 === 1 || Math.floor(at / 4) === 1 ? 0 : value))

  for (const { name, inputs, target, expected, zeros } of [
    {
      name: 'a quarter',
      inputs: gram,
      target: share(250_000),
      expected: [0, -1.5432156, 3.166448, -3.9824334, 4, 3, -2, 0],
      zeros: 2,
    },
    {
      name: 'a half',
      inputs: gram,
      target: share(500_000),
      expected: [0, 0, 2.3694287, -3.5375906, 4, 3, 0, 0],
      zeros: 4,
    },
    {
      name: '2:4',
      inputs: gram,
      target: TWO_OF_FOUR,
      expected: [0, 0, 2.3694287, -3.5375906, 4, 3, 0, 0],
      zeros: 4,
    },
    {
      name: 'independent inputs of one size: magnitude, nothing to compensate',
      inputs: identity,
      target: share(500_000),
      expected: [0, 0, 3, -4, 4, 3, 0, 0],
      zeros: 4,
    },
    {
      name: 'a dead column',
      inputs: dead,
      target: share(250_000),
      expected: [1, 0, 3, -4, 4, 0, -2, 1],
      zeros: 2,
    },
  ]) {
    it(`gives the golden weights: ${name}`, async () => {
      const factor = await factorise(inputs, 4, 2, 128, linear)
      const layer = await sparsegpt({ weight, rows: 2, cols: 4, factor }, target, linear)
      for (const [i, value] of expected.entries()) {
        assert.ok(Math.abs(layer.weight[i] - value) <= 1e-5, `weight ${i}: ${layer.weight[i]}, expected ${value}`)
        assert.equal(isKept(layer.mask, i), value !== 0, `mask ${i}`)
      }
      assert.equal(layer.weight.filter((value) => value === 0).length, zeros)
      for (const blockSize of [2, 4]) {
        // A pattern needs whole groups in a block; a quarter of 2 x 2 in each block is not a quarter of 2 x 4.
        if (blockSize === 2 && (target.kind === 'pattern' || target.ppm !== 500_000)) continue
        const twin = sparsegptTwin({ weight, rows: 2, cols: 4, gram: inputs, scale: 2, target, blockSize })
        for (const [i, value] of twin.weight.flat().entries()) {
          assert.ok(Math.abs(expected[i] - value) <= 1e-6, `twin, blocks of ${blockSize}, weight ${i}: ${value}`)
        }
      }
    })
  }
})

describe('SparseGPT against the same in float64, written plainly', () => {
  for (const { rows, cols, target, blockSize } of [
    { rows: 7, cols: 40, target: share(500_000), blockSize: 128 },
    { rows: 9, cols: 131, target: share(700_000), blockSize: 128 },
    { rows: 12, cols: 300, target: share(500_000), blockSize: 128 },
    { rows: 6, cols: 160, target: TWO_OF_FOUR, blockSize: 128 },
    { rows: 5, cols: 264, target: { kind: 'pattern', n: 5, m: 12 } as const, blockSize: 120 },
    { rows: 5, cols: 120, target: { kind: 'pattern', n: 9, m: 20 } as const, blockSize: 120 },
    { rows: 3, cols: 150, target: { kind: 'pattern', n: 20, m: 50 } as const, blockSize: 100 },
  ]) {
    const name = target.kind === 'pattern' ? `${target.n}:${target.m}` : `${target.ppm} ppm`
    it(`${rows} x ${cols}, ${name}: the same mask, weights within 1e-4 of the largest`, async () => {
      const random = new Random(rows * cols)
      const weight = random.normals(rows * cols)
      const gram = random.gram(cols, 3 * cols)
      const factor = await factorise(gram, cols, 0.5, blockSize, linear)
      const layer = await sparsegpt({ weight, rows, cols, factor }, target, linear)
      const twin = sparsegptTwin({ weight, rows, cols, gram, scale: 0.5, target, blockSize })
      const kept = twin.kept.flat()
      const differing = kept.filter((keep, i) => keep !== isKept(layer.mask, i)).length
      assert.equal(differing, 0)
      const largest = Math.max(...weight.map(Math.abs))
      const error = Math.max(...twin.weight.flat().map((value, i) => Math.abs(value - layer.weight[i])))
      assert.ok(error <= 1e-4 * largest, `off by ${error}, largest ${largest}`)
    })
  }
})

describe('SparseGPT on layers that share an input', () => {
  for (const target of [share(600_000), TWO_OF_FOUR]) {
    it(`gives each its own mask, as if it were alone (${target.kind})`, async () => {
      const random = new Random(21)
      const cols = 136
      const factor = await factorise(random.gram(cols, 200), cols, 0.5, 128, linear)
      const layers = [5, 2, 10].map((rows, i) => ({
        rows,
        weight: random.normals(rows * cols).map((value) => value * 10 ** i),
      }))
      const together = await sparsegptMany(layers, cols, factor, target, linear)
      for (const [i, layer] of layers.entries()) {
        const alone = await sparsegpt({ ...layer, cols, factor }, target, linear)
        assert.deepEqual(together[i].mask, alone.mask, `mask of layer ${i}`)
        const error = Math.max(...alone.weight.map((value, at) => Math.abs(value - together[i].weight[at])))
        assert.ok(error <= 1e-5 * 10 ** i, `layer ${i} is off by ${error}`)
      }
    })
  }

  it('has nothing to do for none', async () => {
    const factor = await factorise(Float32Array.of(1), 1, 1, 128, linear)
    assert.deepEqual(await sparsegptMany([], 1, factor, share(500_000), linear), [])
  })
})

describe('SparseGPT', () => {
  it('writes +0 for every zero, never -0', async () => {
    const random = new Random(22)
    const [rows, cols] = [8, 64]
    const factor = await factorise(random.gram(cols, 100), cols, 0.5, 128, linear)
    const layer = await sparsegpt({ weight: random.normals(rows * cols), rows, cols, factor }, share(500_000), linear)
    for (const [i, value] of layer.weight.entries()) {
      if (!isKept(layer.mask, i)) assert.ok(Object.is(value, 0), `weight ${i} is ${value}`)
    }
  })

  it('leaves the output closer to the dense one than the same mask without compensation', async () => {
    const random = new Random(23)
    const [rows, cols] = [16, 200]
    const [weight, gram] = [random.normals(rows * cols), random.gram(cols, 400)]
    const factor = await factorise(gram, cols, 0.5, 128, linear)
    const layer = await sparsegpt({ weight, rows, cols, factor }, share(500_000), linear)
    const masked = weight.map((value, i) => (isKept(layer.mask, i) ? value : 0))
    const [compensated, plain] = [layer.weight, masked].map((pruned) => outputError(weight, pruned, gram, rows, cols))
    assert.ok(compensated < 0.6 * plain, `${compensated} against ${plain}`)
  })

  it('refuses a pattern wider than a block', async () => {
    const factor = await factorise(new Random(24).gram(130, 130), 130, 1, 128, linear)
    const layer = { weight: new Float32Array(130), rows: 1, cols: 130, factor }
    await assert.rejects(sparsegpt(layer, { kind: 'pattern', n: 1, m: 130 }, linear), { code: 'PATTERN_WIDE' })
  })
})

/** || (W - W') X ||^2 by the Gram matrix. */
function outputError(
  dense: Float32Array,
  pruned: Float32Array,
  gram: Float32Array,
  rows: number,
  cols: number,
): number {
  let error = 0
  for (let row = 0; row < rows; row++) {
    const change = Float64Array.from({ length: cols }, (_, j) => dense[row * cols + j] - pruned[row * cols + j])
    for (let i = 0; i < cols; i++) {
      for (let j = 0; j < cols; j++) error += change[i] * gram[i * cols + j] * change[j]
    }
  }
  return error
}
