/** SparseGPT in portable arithmetic: a solve as a whole, whose bits members of a federation must agree on. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { LinearAlgebra } from '../../../../src/algebra/linear-algebra.ts'
import { PortableAlgebra } from '../../../../src/algebra/portable-algebra.ts'
import { InputError } from '../../../../src/base/errors.ts'
import type { SparsityTarget } from '../../../../src/form/method.ts'
import { type LayerGroup, type PrunedLayer, pruneGroup } from '../../../../src/prune/run/group.ts'
import { Solvers } from '../../../../src/prune/run/solvers.ts'
import { fixedNumbers } from '../../../../src/runtime/fixed-numbers.ts'
import { Random } from '../../../support/random.ts'
import { bitsOf, TwinAlgebra } from '../../algebra/twin.ts'

const HALF: SparsityTarget = { kind: 'unstructured', ppm: 500_000 }
const TWO_OF_FOUR: SparsityTarget = { kind: 'pattern', n: 2, m: 4 }

/** The weights' bits, masks and damping of each layer, or the code of the refusal. */
async function outcome(group: LayerGroup, linear: LinearAlgebra): Promise<unknown> {
  try {
    const layers = await pruneGroup(structuredClone(group), linear)
    return layers.map(({ weight, mask, damping }) => ({ bits: bitsOf(weight), mask, damping }))
  } catch (error) {
    if (error instanceof InputError) return error.code
    throw error
  }
}

/** Gram matrices of few tokens, and what may be wrong with them. */
const STATISTICS: Record<string, (gram: Float32Array, random: Random) => Float32Array> = {
  'fewer tokens than columns': (gram) => gram,
  'not positive definite': (gram, random) => gram.map(() => 3 * random.normal()),
  'nearly too large for float32': (gram) => gram.map((value) => value * 1e36),
  'below the normal numbers': (gram) => gram.map((value) => value * 1e-42),
  'a NaN': (gram) => gram.with(-1, Number.NaN),
  'nothing but zeros': (gram) => gram.map(() => 0),
}

describe('a solve in portable arithmetic', () => {
  const portable = new PortableAlgebra()
  const twin = new TwinAlgebra()

  for (const [name, statistics] of Object.entries(STATISTICS)) {
    it(`gives the bits, or the refusal, of plain float32: ${name}`, async () => {
      const shape = fc.record({
        seed: fc.integer(),
        fours: fc.integer({ min: 1, max: 36 }), // up to 144 columns: two blocks
        rows: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
        target: fc.constantFrom(HALF, TWO_OF_FOUR),
      })
      const property = fc.asyncProperty(shape, async ({ seed, fours, rows, target }) => {
        const random = new Random(seed)
        const cols = 4 * fours
        const sums = statistics(random.gram(cols, 20), random)
        const group: LayerGroup = {
          pruner: 'sparsegpt',
          target,
          cols,
          layers: rows.map((count) => ({ weight: random.normals(count * cols), rows: count })),
          meanSquares: null,
          gram: { sums, scale: 0.5 },
        }
        assert.deepEqual(await outcome(group, portable), await outcome(group, twin))
      })
      await fc.assert(property, { numRuns: 10 })
    })
  }

  it('gives the bits that it gave on other machines, with any number of threads', async () => {
    for (const threads of [1, 2]) {
      await using solvers = await Solvers.create(threads, 'portable')
      assert.equal(digestOf(await solvers.prune(await fixedGroups())), DIGEST, `${threads} threads`)
    }
  })
})

/** The digest of the results for `fixedGroups`. */
const DIGEST = 'cc55d9bbe8027d65ede49417f123b2aa21056e3b5914ddfbc81dc3d1d85bac52'

/** Groups of layers that are the same on every machine. */
async function fixedGroups(): Promise<LayerGroup[]> {
  const algebra = new PortableAlgebra()
  const shapes = [
    { cols: 300, rows: [40, 17], target: HALF },
    { cols: 132, rows: [70], target: TWO_OF_FOUR },
  ]
  return Promise.all(
    shapes.map(async ({ cols, rows, target }) => {
      const x = { data: fixedNumbers(2 * cols * cols), rows: 2 * cols, cols }
      return {
        pruner: 'sparsegpt',
        target,
        cols,
        layers: rows.map((count) => ({ weight: fixedNumbers(count * cols, count), rows: count })),
        meanSquares: null,
        gram: { sums: (await algebra.multiply(x, x, { transposeA: true })).data, scale: 0.5 },
      }
    }),
  )
}

function digestOf(groups: PrunedLayer[][]): string {
  const digest = createHash('sha256')
  for (const { weight, mask } of groups.flat()) digest.update(new Uint8Array(weight.buffer)).update(mask)
  return digest.digest('hex')
}
