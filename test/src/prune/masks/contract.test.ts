/** The contract of every pruner: one suite, run on each. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { LinearAlgebra } from '../../../../src/algebra/linear-algebra.ts'
import { InputError } from '../../../../src/base/errors.ts'
import { countZeros, isKept } from '../../../../src/form/mask.ts'
import type { SparsityTarget } from '../../../../src/form/method.ts'
import { magnitudeMask } from '../../../../src/prune/masks/magnitude.ts'
import { blockColumns } from '../../../../src/prune/masks/target.ts'
import { wandaMask } from '../../../../src/prune/masks/wanda.ts'
import { factorise, sparsegptMany } from '../../../../src/prune/sparsegpt/sparsegpt.ts'
import { OnnxAlgebra } from '../../../../src/runtime/onnx-algebra.ts'
import { Random } from '../../../support/random.ts'

interface Layer {
  weight: Float32Array
  rows: number
  cols: number
  /** X^T X, [cols, cols]. */
  gram: Float32Array
}

interface Pruner {
  name: string
  /** Within each of these (rows x columns) areas the zeros are exactly floor(area * share). */
  areas(rows: number, cols: number): { rows: number; cols: number }
  prune(layer: Layer, target: SparsityTarget): Promise<{ mask: Uint8Array; weight: Float32Array | null }>
}

let linear: LinearAlgebra
before(async () => {
  linear = await OnnxAlgebra.create()
})
after(() => linear.dispose())

const meanSquares = ({ gram, cols }: Layer) => Float32Array.from({ length: cols }, (_, j) => gram[j * (cols + 1)])

const PRUNERS: Pruner[] = [
  {
    name: 'magnitude',
    areas: (rows, cols) => ({ rows, cols }),
    prune: async ({ weight, rows, cols }, target) => ({
      mask: magnitudeMask(weight, rows, cols, target),
      weight: null,
    }),
  },
  {
    name: 'Wanda',
    areas: (_, cols) => ({ rows: 1, cols }),
    prune: async (layer, target) => ({
      mask: wandaMask(layer.weight, layer.rows, layer.cols, meanSquares(layer), target),
      weight: null,
    }),
  },
  {
    name: 'SparseGPT',
    areas: (rows) => ({ rows, cols: 128 }),
    prune: async ({ weight, rows, cols, gram }, target) => {
      const [layer] = await sparsegptMany(
        [{ weight, rows }],
        cols,
        await factorise(gram, cols, 0.25, blockColumns(target), linear),
        target,
        linear,
      )
      return layer
    },
  },
]

function randomLayer(rows: number, cols: number, seed: number): Layer {
  const random = new Random(seed)
  return { weight: random.normals(rows * cols), rows, cols, gram: random.gram(cols, 20) }
}

/** Zeros of a mask in rows [row, row + rows) and columns [col, col + cols), cut off at the layer's edge. */
function zerosIn(mask: Uint8Array, layer: Layer, row: number, rows: number, col: number, cols: number) {
  let [zeros, size] = [0, 0]
  for (let r = row; r < Math.min(layer.rows, row + rows); r++) {
    for (let c = col; c < Math.min(layer.cols, col + cols); c++, size++) {
      zeros += Number(!isKept(mask, r * layer.cols + c))
    }
  }
  return { zeros, size }
}

const shares = fc.oneof(
  fc.integer({ min: 0, max: 1_000_000 }),
  fc.constantFrom(0, 1, 500_000, 550_000, 999_999, 1_000_000),
)
const dimension = (max: number) => fc.integer({ min: 1, max })

for (const pruner of PRUNERS) {
  describe(pruner.name, () => {
    it('zeroes exactly floor(size * share) in each area that it compares, whatever the shape', async () => {
      await fc.assert(
        fc.asyncProperty(dimension(11), dimension(150), shares, fc.integer(), async (rows, cols, ppm, seed) => {
          const layer = randomLayer(rows, cols, seed)
          const { mask } = await pruner.prune(layer, { kind: 'unstructured', ppm })
          const area = pruner.areas(rows, cols)
          for (let row = 0; row < rows; row += area.rows) {
            for (let col = 0; col < cols; col += area.cols) {
              const { zeros, size } = zerosIn(mask, layer, row, area.rows, col, area.cols)
              const wanted = Number((BigInt(size) * BigInt(ppm)) / 1_000_000n)
              assert.equal(zeros, wanted, `${rows} x ${cols} at ${ppm} ppm, area from ${row}, ${col}`)
            }
          }
        }),
        { numRuns: 40 },
      )
    })

    it('zeroes n of every m consecutive columns of each row', async () => {
      const pattern = fc
        .integer({ min: 1, max: 40 })
        .chain((m) => fc.tuple(fc.integer({ min: 0, max: m }), fc.constant(m)))
      await fc.assert(
        fc.asyncProperty(dimension(6), dimension(12), pattern, fc.integer(), async (rows, groups, [n, m], seed) => {
          const layer = randomLayer(rows, groups * m, seed)
          const { mask } = await pruner.prune(layer, { kind: 'pattern', n, m })
          for (let row = 0; row < rows; row++) {
            for (let col = 0; col < layer.cols; col += m) {
              const { zeros } = zerosIn(mask, layer, row, 1, col, m)
              assert.equal(zeros, n, `${rows} x ${layer.cols}, ${n}:${m}, row ${row}, column ${col}`)
            }
          }
        }),
        { numRuns: 30 },
      )
    })

    it('leaves its inputs as they were, and gives the same bits twice', async () => {
      for (const target of [
        { kind: 'unstructured', ppm: 500_000 },
        { kind: 'pattern', n: 2, m: 4 },
      ] as const) {
        const layer = randomLayer(13, 200, 5)
        const [weight, gram] = [layer.weight.slice(), layer.gram.slice()]
        const first = await pruner.prune(layer, target)
        const second = await pruner.prune(layer, target)
        assert.deepEqual(layer.weight, weight)
        assert.deepEqual(layer.gram, gram)
        assert.deepEqual(second, first)
      }
    })

    it('drops the earlier among equals', async () => {
      const layer = { weight: new Float32Array(12).fill(1), rows: 2, cols: 6, gram: identity(6) }
      const { mask } = await pruner.prune(layer, { kind: 'pattern', n: 1, m: 3 })
      assert.deepEqual(keptBits(mask, 12), [...'011011011011'].map(Number))
      const share = await pruner.prune(layer, { kind: 'unstructured', ppm: 500_000 })
      const expected = pruner.name === 'Wanda' ? '000111000111' : '000000111111'
      assert.deepEqual(keptBits(share.mask, 12), [...expected].map(Number))
    })

    it('keeps everything at 0 and nothing at 1, and sets no padding bits', async () => {
      const layer = randomLayer(3, 7, 6)
      const all = await pruner.prune(layer, { kind: 'unstructured', ppm: 0 })
      assert.deepEqual(all.mask, Uint8Array.of(0xff, 0xff, 0b11111))
      if (all.weight) assert.deepEqual(all.weight, layer.weight)
      const none = await pruner.prune(layer, { kind: 'unstructured', ppm: 1_000_000 })
      assert.deepEqual(none.mask, new Uint8Array(3))
      if (none.weight) assert.ok(none.weight.every((value) => Object.is(value, 0)))
    })

    it('takes weights of dead columns first where inputs decide', async () => {
      if (pruner.name === 'magnitude') return
      const layer = randomLayer(8, 20, 7)
      for (const dead of [3, 11]) {
        for (let j = 0; j < 20; j++) layer.gram[dead * 20 + j] = layer.gram[j * 20 + dead] = 0
      }
      const { mask } = await pruner.prune(layer, { kind: 'unstructured', ppm: 100_000 })
      assert.equal(countZeros(mask, 160), 16)
      for (let row = 0; row < 8; row++) assert.ok(!isKept(mask, row * 20 + 3) && !isKept(mask, row * 20 + 11))
    })

    it('refuses a weight or an input that is not finite, naming the layer', async () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const layer = randomLayer(3, 9, 8)
        layer.weight[5] = value
        await assert.rejects(pruner.prune(layer, { kind: 'unstructured', ppm: 500_000 }), (error) => {
          assert.ok(error instanceof InputError && error.code === 'NOT_FINITE', `${value}`)
          assert.match(error.message, /3 x 9: weight 5 is/)
          return true
        })
        if (pruner.name === 'magnitude') continue
        const inputs = randomLayer(3, 9, 9)
        inputs.gram[40] = value // row 4, column 4
        await assert.rejects(pruner.prune(inputs, { kind: 'unstructured', ppm: 500_000 }), { code: 'NOT_FINITE' })
      }
    })

    it('refuses a pattern that does not divide the columns, naming the layer', async () => {
      await assert.rejects(pruner.prune(randomLayer(2, 10, 10), { kind: 'pattern', n: 2, m: 4 }), (error) => {
        assert.ok(error instanceof InputError && error.code === 'PATTERN_COLUMNS')
        assert.match(error.message, /2:4 does not fit a layer of 2 x 10/)
        return true
      })
    })

    it('takes arrays of the wrong length and impossible targets for bugs', async () => {
      const layer = randomLayer(2, 8, 11)
      await assert.rejects(pruner.prune({ ...layer, rows: 3 }, { kind: 'unstructured', ppm: 1 }), RangeError)
      for (const target of [
        { kind: 'unstructured', ppm: 0.5 },
        { kind: 'unstructured', ppm: 1_000_001 },
        { kind: 'unstructured', ppm: -1 },
        { kind: 'pattern', n: 5, m: 4 },
        { kind: 'pattern', n: 0, m: 0 },
      ] as const) {
        await assert.rejects(pruner.prune(layer, target), RangeError, JSON.stringify(target))
      }
    })
  })
}

function identity(size: number): Float32Array {
  return Float32Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0))
}

function keptBits(mask: Uint8Array, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number(isKept(mask, i)))
}
