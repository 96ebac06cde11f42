import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { float16Of } from '../../../../src/form/fp16.ts'
import type { StructuredTarget } from '../../../../src/form/method.ts'
import type { StructuredForm } from '../../../../src/form/structured-form.ts'
import { type FaultReason, InvalidContributionError, InvalidMergedBlockError } from '../../../../src/merge/errors.ts'
import { RANK } from '../../../../src/merge/structures/adapter.ts'
import { scaledImportances } from '../../../../src/merge/structures/scaled-importances.ts'
import {
  applyStructured,
  decodeStructuredBlock,
  encodeStructuredBlock,
  gathered,
  leftPlaces,
  removedUnits,
  type StructuredBlock,
  scattered,
  unitChange,
} from '../../../../src/merge/structures/structured-block.ts'
import {
  decodeStructured,
  encodeStructured,
  type PackedAdapter,
  packed,
  type StructuredContribution,
  structuredBytes,
  structuredPartOf,
  validateAdapters,
} from '../../../../src/merge/structures/structured-contribution.ts'
import { mergeStructured } from '../../../../src/merge/structures/structured-merge.ts'
import { hugeFactor, untrained } from '../../../support/liars.ts'
import { Random } from '../../../support/random.ts'

/** Two heads of two places with an output layer, and five channels between an up and a down layer; width 3. */
const FORM: StructuredForm = {
  layers: [
    { rows: 4, cols: 3, input: 0 },
    { rows: 3, cols: 4, input: 1 },
    { rows: 5, cols: 3, input: 2 },
    { rows: 3, cols: 5, input: 3 },
  ],
  structures: [
    {
      units: 2,
      places: 2,
      members: [
        {
          role: 0,
          along: 'rows',
          places: [
            [0, 1],
            [2, 3],
          ],
        },
        {
          role: 1,
          along: 'cols',
          places: [
            [0, 1],
            [2, 3],
          ],
        },
      ],
    },
    {
      units: 5,
      places: 1,
      members: [
        { role: 2, along: 'rows', places: [[0], [1], [2], [3], [4]] },
        { role: 3, along: 'cols', places: [[0], [1], [2], [3], [4]] },
      ],
    },
  ],
}
const HALF: StructuredTarget = { kind: 'structured', ppm: 500_000, from: 1, to: 3, steps: 0 }
const FLOATS = fc.float({ min: 0, max: 2 ** 100, noNaN: true, noDefaultInfinity: true }).map((x) => Math.abs(x))
const FP16 = fc.integer({ min: 0, max: 0x7bff }).chain((bits) => fc.constantFrom(bits, bits === 0 ? 0 : bits | 0x8000))

const adaptersArbitrary = fc.tuple(
  ...FORM.layers.map(({ rows, cols }) =>
    fc.record(
      {
        a: fc.array(FP16, { minLength: RANK * cols, maxLength: RANK * cols }).map((bits) => Uint16Array.from(bits)),
        b: fc.array(FP16, { minLength: RANK * rows, maxLength: RANK * rows }).map((bits) => Uint16Array.from(bits)),
      },
      { noNullPrototype: true },
    ),
  ),
)
const importancesArbitrary = fc.tuple(
  ...FORM.structures.map(({ units }) =>
    fc
      .array(FLOATS, { minLength: units, maxLength: units })
      .map((values) => scaledImportances(Float32Array.from(values))),
  ),
)
const contributionArbitrary: fc.Arbitrary<StructuredContribution> = fc.oneof(
  importancesArbitrary.map((importances) => ({ importances })),
  adaptersArbitrary.map((adapters) => ({ adapters })),
)

const scores = (heads: number[], channels: number[]): StructuredContribution => ({
  importances: [Float64Array.from(heads), Float64Array.from(channels)],
})

/** Thirds and two thirds of the total. */
const OFFERED: StructuredContribution = {
  importances: [
    [1, 2],
    [0, 1, 0, 0, 0.5],
  ].map((values) => scaledImportances(Float32Array.from(values))),
}

describe('contributions of importances and adapters', () => {
  it('are a header, and one float64 a unit, if they are importances', () => {
    const bytes = encodeStructured(FORM, OFFERED)
    const hex = Buffer.from(bytes).toString('hex')
    const [third, rest] = ['405555555555d542', '605555555555e542'] // of 2^48, rounded down and up
    const zero = '0000000000000000'
    assert.equal(hex, `434f504902010000${third}${rest}${zero}${rest}${zero}${zero}${third}`)
  })

  it('come back as they were, as long as is said, and tell their part', () => {
    fc.assert(
      fc.property(contributionArbitrary, (contribution) => {
        const bytes = encodeStructured(FORM, contribution)
        assert.deepEqual(decodeStructured(FORM, bytes), contribution)
        const part = 'adapters' in contribution ? 'adapters' : 'importances'
        assert.equal(structuredPartOf(bytes), part)
        assert.equal(bytes.length, structuredBytes(FORM, part))
      }),
    )
  })

  it('are refused where a byte is missing, too many or changed into what nobody writes', () => {
    const offered = encodeStructured(FORM, OFFERED)
    const trained = encodeStructured(FORM, { adapters: zeroAdapters() })
    const refused = (change: (bytes: Uint8Array) => Uint8Array, reason: FaultReason, good = trained) =>
      assert.throws(
        () => decodeStructured(FORM, change(good.slice())),
        (error) => error instanceof InvalidContributionError && error.reason === reason,
      )
    const set =
      (at: number, ...values: number[]) =>
      (bytes: Uint8Array) => {
        bytes.set(values, at)
        return bytes
      }
    for (const good of [offered, trained]) {
      for (let end = 8; end < good.length; end++) refused((bytes) => bytes.slice(0, end), 'LENGTH', good)
      refused((bytes) => Uint8Array.from([...bytes, 0]), 'LENGTH', good)
    }
    refused(set(0, 0), 'MAGIC')
    refused(set(4, 1), 'VERSION')
    refused(set(5, 3), 'KIND')
    refused(set(8, 0), 'STATISTIC', offered) // one less than the total
    refused(set(trained.length - 2, 0, 0x80), 'VALUE') // -0
    refused(set(trained.length - 2, 0, 0x7c), 'VALUE') // infinity
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          assert.deepEqual(Buffer.from(encodeStructured(FORM, decodeStructured(FORM, bytes))), Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof InvalidContributionError)
        }
      }),
    )
  })

  it('are refused as the other part', () => {
    const trained = encodeStructured(FORM, { adapters: zeroAdapters() })
    assert.throws(() => decodeStructured(FORM, trained, ['importances']), { reason: 'KIND' })
    assert.throws(() => decodeStructured(FORM, encodeStructured(FORM, OFFERED), ['adapters']), { reason: 'KIND' })
  })

  describe('of adapters', () => {
    const random = new Random(3)
    const base = FORM.layers.map(({ rows, cols }) => random.normals(rows * cols))
    const starts = FORM.layers.map(({ rows, cols }) => ({
      a: Float32Array.from({ length: RANK * cols }, () => 0.05 * random.normal()),
      b: new Float32Array(RANK * rows),
    }))
    const validate = (adapters: PackedAdapter[], steps = 40) => validateAdapters(base, { steps, starts }, { adapters })
    /** Each number moves as far as 40 steps at the rate may take it at most, times `share`. */
    const moved = (share: number) =>
      starts.map(({ a, b }) => packed({ a: a.map((x) => x + share * 80e-4), b: b.map(() => share * 80e-4) }))

    it('are accepted as far as training takes a number, and no farther', () => {
      validate(zeroAdapters()) // of places that are removed
      validate(moved(0))
      validate(moved(0.99))
      validate(moved(-0.99))
      assert.throws(() => validate(moved(1.1)), { reason: 'NORM', layer: 0 })
      assert.throws(() => validate(moved(0.99), 39), { reason: 'NORM' })
    })

    it('are refused where one factor is huge, or both are not what training gives', () => {
      assert.throws(() => validate(hugeFactor(FORM.layers)), { reason: 'NORM', message: /A of the adapter/ })
      assert.throws(() => validate(untrained(FORM.layers, [0.05, 0.05])), { reason: 'NORM' })
    })

    it('are refused where they change the layer, whatever a plan of many steps allows', () => {
      const far = untrained(FORM.layers, [0.5, 0.5])
      assert.throws(() => validate(far, 100_000), { reason: 'NORM', message: /change the layer/ })
    })
  })
})

function zeroAdapters() {
  return FORM.layers.map(({ rows, cols }) => ({ a: new Uint16Array(RANK * cols), b: new Uint16Array(RANK * rows) }))
}

describe('the merge of importances', () => {
  it('removes the units with the lowest sums of importances, as many as LLM-Pruner counts', () => {
    const merged = mergeStructured(FORM, HALF, 1, [scores([5, 1], [1, 9, 3, 0, 2]), scores([1, 2], [9, 0, 3, 4, 1])])
    // Heads 6 and 3: of 4 places 2 go, one head. Channels 10, 9, 6, 4, 3: of 5 places 3 go.
    assert.deepEqual(removedUnits(FORM, merged), [[1], [2, 3, 4]])
    assert.deepEqual(unitChange(FORM, null, merged), { moved: 4, bits: 7, zeros: 4 })
    assert.equal(merged.adapters, null)
  })

  it('takes the first of equals, no more than there are places for, and no block outside of the range', () => {
    const same = [scores([1, 1], [1, 1, 1, 1, 1])]
    assert.deepEqual(removedUnits(FORM, mergeStructured(FORM, HALF, 2, same)), [[0], [0, 1, 2]])
    assert.deepEqual(removedUnits(FORM, mergeStructured(FORM, { ...HALF, ppm: 100_000 }, 2, same)), [[], [0]])
    for (const block of [0, 3]) assert.deepEqual(removedUnits(FORM, mergeStructured(FORM, HALF, block, same)), [[], []])
  })

  it('is free of the order, and the same for one member and for the same member twice', () => {
    fc.assert(
      fc.property(fc.array(contributionArbitrary, { minLength: 1, maxLength: 6 }), fc.nat(), (all, seed) => {
        const random = new Random(seed)
        const shuffled = all
          .map((each) => [random.next(), each] as const)
          .sort(([a], [b]) => a - b)
          .map(([, each]) => each)
        const encoded = (of: StructuredContribution[]) =>
          encodeStructuredBlock(FORM, mergeStructured(FORM, HALF, 1, of))
        assert.deepEqual(encoded(shuffled), encoded(all))
        const [first] = all
        assert.deepEqual(encoded([first, first]), encoded([first]))
      }),
    )
  })

  it('averages the adapters of those who have trained, rounded once, and removes by the importances alone', () => {
    const trained = (value: number) => {
      const adapters = zeroAdapters()
      for (const { a, b } of adapters) for (const bits of [a, b]) float16Of(bits).fill(value)
      return { adapters }
    }
    const offered = scores([1, 2], [1, 2, 3, 4, 5])
    const merged = mergeStructured(FORM, HALF, 1, [trained(1), offered, trained(1.0009765625)])
    const { adapters } = merged
    assert.deepEqual(merged.kept, mergeStructured(FORM, HALF, 1, [offered]).kept)
    // The mean lies between two fp16 values: to the even one.
    for (const { a, b } of adapters ?? []) for (const bits of [a, b]) assert.ok(float16Of(bits).every((x) => x === 1))
    assert.equal(adapters?.length, 4)
  })

  it('removes nothing where nobody has offered importances', () => {
    const { kept } = mergeStructured(FORM, HALF, 1, [{ adapters: zeroAdapters() }])
    assert.deepEqual(removedUnits(FORM, { kept, adapters: null }), [[], []])
  })
})

describe('a merged block', () => {
  const random = new Random(2)
  const base = FORM.layers.map(({ rows, cols }) => random.normals(rows * cols))
  const adapters = FORM.layers.map(({ rows, cols }) =>
    packed({
      a: random.normals(RANK * cols) as Float32Array<ArrayBuffer>,
      b: random.normals(RANK * rows) as Float32Array<ArrayBuffer>,
    }),
  )
  const block: StructuredBlock = { kept: [Uint8Array.of(0b10), Uint8Array.of(0b10110)], adapters }

  it('has one encoding', () => {
    for (const own of [block, { ...block, adapters: null }])
      assert.deepEqual(decodeStructuredBlock(FORM, encodeStructuredBlock(FORM, own)), own)
    const bytes = encodeStructuredBlock(FORM, block)
    bytes[8] |= 0b100 // there are two heads
    assert.throws(() => decodeStructuredBlock(FORM, bytes), InvalidMergedBlockError)
  })

  it('has zeros in removed places, and the adapter added elsewhere', () => {
    const weights = applyStructured(FORM, base, block)
    const left = leftPlaces(FORM, block)
    assert.deepEqual(left[0], { rows: [2, 3], cols: [0, 1, 2] })
    assert.deepEqual(left[3], { rows: [0, 1, 2], cols: [1, 2, 4] })
    for (const [role, { rows, cols }] of FORM.layers.entries()) {
      const [a, b] = [float16Of(adapters[role].a), float16Of(adapters[role].b)]
      for (let row = 0; row < rows; row++) {
        for (let col = 0; col < cols; col++) {
          let product = 0
          for (let k = 0; k < RANK; k++) product += b[k * rows + row] * a[col * RANK + k]
          const isLeft = left[role].rows.includes(row) && left[role].cols.includes(col)
          const expected = isLeft ? base[role][row * cols + col] + 2 * product : 0
          assert.ok(Math.abs(weights[role][row * cols + col] - expected) < 1e-5)
        }
      }
    }
  })

  it('keeps the zeros of a base that is pruned', () => {
    const pruned = base.map((weight) => weight.map((w, i) => (i % 2 === 0 ? 0 : w)))
    for (const [role, weight] of applyStructured(FORM, pruned, block).entries())
      assert.ok(weight.every((w, i) => pruned[role][i] !== 0 || w === 0))
  })

  it('gathers adapters for the smaller layer, and scatters them back', () => {
    const left = leftPlaces(FORM, block)
    for (const [role, layer] of FORM.layers.entries()) {
      const { rows, cols } = left[role]
      const own = { a: random.normals(RANK * cols.length), b: random.normals(RANK * rows.length) }
      const small = own as { a: Float32Array<ArrayBuffer>; b: Float32Array<ArrayBuffer> }
      assert.deepEqual(gathered(scattered(small, left[role], layer), left[role]), small)
    }
  })
})
