import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isKept } from '../../../../src/form/mask.ts'
import type { SparsityTarget } from '../../../../src/form/method.ts'
import { attainableMeans, certainBits } from '../../../../src/merge/masks/certified-share.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import { wandaMask } from '../../../../src/prune/masks/wanda.ts'
import { Random } from '../../../support/random.ts'
import { share } from '../../../support/toy-blocks.ts'

const ROWS = 3
const COLS = 8
const TARGETS: SparsityTarget[] = [share(500_000), share(750_000), { kind: 'pattern', n: 2, m: 4 }]
const targets = fc.constantFrom(...TARGETS)
/** A share that makes 4.8 of a row's 8 weights zeros: the mask expansion adds some. */
const FRACTION = share(600_000)

/** A layer, and statistics of members that are alike but for some noise. */
function layer(seed: number, members: number) {
  const random = new Random(seed)
  const base = random.normals(ROWS * COLS)
  const common = Float32Array.from({ length: COLS }, () => 0.1 + random.next() ** 4)
  const sent = Array.from({ length: members }, () => common.map((x) => x * (0.9 + 0.2 * random.next())))
  return { random, base, sent }
}

const rangesOf = (sent: readonly Float32Array[], faults: number) =>
  Array.from({ length: COLS }, (_, j) =>
    attainableMeans(
      Float64Array.from(sent, (own) => own[j]),
      faults,
    ),
  )

describe('the mask bits that no liar can change', () => {
  it('are the same whatever a liar sends', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 4, max: 6 }),
        fc.constantFrom(...TARGETS, FRACTION),
        fc.nat(5),
        (seed, members, target, who) => {
          const { random, base, sent } = layer(seed, members)
          const certain = certainBits(base, { rows: ROWS, cols: COLS }, rangesOf(sent, 1), target)
          const form = { inputs: [COLS], layers: [{ rows: ROWS, cols: COLS, input: 0 }] }
          const merged = (all: readonly Float32Array[]) =>
            mergeBlock(
              { form, method: { pruner: 'wanda', target }, base: [base] },
              all.map((own) => ({ inputs: [own] })),
              1,
            ).layers[0].mask
          const honest = merged(sent)
          for (let attempt = 0; attempt < 20; attempt++) {
            const lie = sent[0].map((x) => x * [0, 1e-3, 0.9, 1.1, 1e3, 1e30][Math.floor(6 * random.next())])
            const mask = merged(sent.with(who % members, lie))
            for (let i = 0; i < ROWS * COLS; i++)
              if (isKept(certain, i)) assert.equal(isKept(mask, i), isKept(honest, i), `bit ${i}`)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are all: any other bit differs somewhere in the ranges of the columns', () => {
    fc.assert(
      fc.property(fc.nat(), targets, (seed, target) => {
        const { base, sent } = layer(seed, 4)
        const ranges = rangesOf(sent, 1)
        const certain = certainBits(base, { rows: ROWS, cols: COLS }, ranges, target)
        const choice = (i: number, own: 0 | 1) => {
          const means = Float32Array.from(ranges, (range, j) => range[j === i % COLS ? own : 1 - own])
          return isKept(wandaMask(base, ROWS, COLS, means, target), i)
        }
        for (let i = 0; i < ROWS * COLS; i++)
          assert.equal(isKept(certain, i), choice(i, 0) === choice(i, 1), `bit ${i}`)
      }),
      { numRuns: 60 },
    )
  })

  it('follow from ranges between honest values, and from no range where too few have sent any', () => {
    assert.deepEqual(attainableMeans(Float64Array.of(4, 1, 2, 3), 1), [1.5, 3.5])
    assert.deepEqual(attainableMeans(Float64Array.of(4, 1, 2, 3), 0), [2.5, 2.5])
    const [least, greatest] = attainableMeans(Float64Array.of(2, 4), 1)
    assert.equal(least, 1)
    assert.ok(greatest > 7e13)
  })
})
