import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import { fp16Bits } from '../../../../src/form/fp16.ts'
import { dropKept, newMask } from '../../../../src/form/mask.ts'
import type { SparsityTarget } from '../../../../src/form/method.ts'
import { MAX_PEAK_RATIO, weightBounds } from '../../../../src/merge/masks/bounds.ts'
import type { BlockContribution } from '../../../../src/merge/masks/contribution.ts'
import { InvalidContributionError, validateContribution } from '../../../../src/merge/masks/validate.ts'
import { randomSigns, scaled, turned } from '../../../support/liars.ts'
import { Random } from '../../../support/random.ts'
import { share } from '../../../support/toy-blocks.ts'

/** Column blocks of 128, 128 and 44: 3 rows, so a share of 40 % asks floor(153.6), floor(153.6), floor(52.8) zeros. */
const FORM: BlockForm = { inputs: [300], layers: [{ rows: 3, cols: 300, input: 0 }] }
const TARGET = share(400_000)
const COUNTS = [153, 153, 52]
const TWO_OF_FOUR: SparsityTarget = { kind: 'pattern', n: 2, m: 4 }
const BASE = [new Random(5).normals(900)]

/** The first zeros of every column block, or of every group; the survivors are what `value` gives. */
function pruned(counts: number[] | null, value = (i: number) => BASE[0][i]): BlockContribution {
  const mask = newMask(900)
  for (const [block, count] of (counts ?? []).entries()) {
    const width = Math.min(128, 300 - 128 * block)
    for (let k = 0; k < count; k++) dropKept(mask, Math.floor(k / width) * 300 + 128 * block + (k % width))
  }
  if (counts === null) for (let i = 0; i < 900; i += 4) for (const j of [i + 1, i + 2]) dropKept(mask, j)
  const kept: number[] = []
  for (let i = 0; i < 900; i++) if ((mask[i >> 3] >> (i & 7)) & 1) kept.push(value(i))
  return { inputs: [new Float32Array(300)], layers: [{ mask, survivors: fp16Bits(Float64Array.from(kept)) }] }
}

const validate = (contribution: BlockContribution, target = TARGET, base = BASE) =>
  validateContribution({ form: FORM, method: { pruner: 'sparsegpt', target }, base }, 'weights', contribution)

const refuses = (contribution: BlockContribution, reason: string, target = TARGET, base = BASE) =>
  assert.throws(
    () => validate(contribution, target, base),
    (error) => error instanceof InvalidContributionError && error.reason === reason,
  )

describe('the validation of weights', () => {
  it('accepts exactly floor(rows * width * s) zeros in every block of 128 columns', () => {
    validate(pruned(COUNTS))
    for (let block = 0; block < 3; block++) {
      for (const more of [-1, 1]) refuses(pruned(COUNTS.with(block, COUNTS[block] + more)), 'ZEROS')
    }
    refuses(pruned([154, 152, 52]), 'ZEROS') // the right number, in the wrong place
  })

  it('says which layer and columns, how many zeros and how many are asked', () => {
    assert.throws(() => validate(pruned([153, 154, 52])), {
      layer: 0,
      message: 'layer 0: columns 128 to 255: 154 zeros, the plan asks 153',
    })
  })

  it('accepts exactly n zeros in every m columns under a pattern', () => {
    validate(pruned(null), TWO_OF_FOUR)
    for (const group of [0, 74, 75, 224]) {
      const contribution = pruned(null)
      const [{ mask, survivors }] = contribution.layers ?? []
      dropKept(mask, 4 * group)
      const less = { ...contribution, layers: [{ mask, survivors: survivors.subarray(1) }] }
      refuses(less, 'ZEROS', TWO_OF_FOUR)
    }
    refuses(pruned([192, 192, 66]), 'ZEROS', TWO_OF_FOUR) // half of each block, but not of each group
  })

  it('takes the largest multiple of m that is at most 128 for a block: counts of groups decide for odd patterns', () => {
    const form: BlockForm = { inputs: [9], layers: [{ rows: 1, cols: 9, input: 0 }] }
    const mask = newMask(9)
    for (const i of [0, 4, 8]) dropKept(mask, i)
    const layers = [{ mask, survivors: new Uint16Array(6).fill(0x3c00) }] // ones
    const contribution = { inputs: [new Float32Array(9)], layers }
    const base = [new Float32Array(9).fill(1)]
    validateContribution(
      { form, method: { pruner: 'sparsegpt', target: { kind: 'pattern', n: 1, m: 3 } }, base },
      'weights',
      contribution,
    )
  })

  it('bounds the largest weight by four times the largest of the base', () => {
    const base = [BASE[0].map((w, i) => (i === 0 ? 3 : w))]
    const peak = (value: number) => pruned(COUNTS, (i) => (i === 899 ? value : base[0][i]))
    for (const sign of [1, -1]) {
      const own = [base[0].with(899, sign)]
      assert.throws(() => validate(peak(sign * (3 * MAX_PEAK_RATIO + 2 ** -6)), TARGET, own), { reason: 'PEAK' })
      assert.throws(() => validate(peak(sign * 3 * MAX_PEAK_RATIO), TARGET, own), { reason: /NORM|COSINE/ })
    }
  })

  it('bounds norm and direction of a layer as the share of zeros asks', () => {
    for (const target of [TARGET, TWO_OF_FOUR]) {
      const bounds = weightBounds(target)
      const honest = target === TARGET ? pruned(COUNTS) : pruned(null)
      validate(honest, target)
      validate(turned(honest, BASE, bounds), target)
      refuses(turned(honest, BASE, { ...bounds, norm: bounds.norm + 0.01 }), 'NORM', target)
      refuses(turned(honest, BASE, { ...bounds, cosine: bounds.cosine - 0.01 }), 'COSINE', target)
    }
    assert.ok(weightBounds(share(600_000)).cosine > weightBounds(share(600_001)).cosine)
    assert.deepEqual(weightBounds({ kind: 'pattern', n: 3, m: 4 }), weightBounds(share(750_000)))
  })

  it('refuses survivors that are turned round, of random signs, or none', () => {
    refuses(scaled(pruned(COUNTS), -1), 'COSINE')
    refuses(scaled(pruned(COUNTS)), 'NORM')
    refuses(randomSigns(pruned(COUNTS), BASE, weightBounds(TARGET).norm), 'COSINE')
    for (const factor of [0, 0.89]) refuses(scaled(pruned(COUNTS), factor), 'NORM')
    validate(scaled(pruned(COUNTS), 0.91))
  })

  it('lets a layer of zeros stay one', () => {
    const zeros = [new Float32Array(900)]
    validate(
      pruned(COUNTS, () => 0),
      TARGET,
      zeros,
    )
    refuses(
      pruned(COUNTS, () => 2 ** -24),
      'PEAK',
      TARGET,
      zeros,
    )
  })

  it('refuses bytes of another form, or the payload of another pruner', () => {
    const good = pruned(COUNTS)
    refuses({ inputs: good.inputs }, 'KIND')
    refuses({ ...good, inputs: [] }, 'FORM')
    refuses({ ...good, layers: [] }, 'FORM')
    refuses(
      { ...good, layers: (good.layers ?? []).map(({ mask }) => ({ mask, survivors: new Uint16Array(3) })) },
      'FORM',
    )
    for (const pruner of ['wanda', 'magnitude'] as const) {
      assert.throws(
        () => validateContribution({ form: FORM, method: { pruner, target: TARGET }, base: BASE }, 'weights', good),
        { reason: 'KIND' },
      )
    }
  })
})

describe('the validation of statistics', () => {
  it('asks for the form alone: any numbers give a mask with the right counts', () => {
    const good = { inputs: [new Float32Array(300)] }
    for (const pruner of ['wanda', 'magnitude'] as const) {
      validateContribution({ form: FORM, method: { pruner, target: TARGET }, base: BASE }, 'statistics', good)
      assert.throws(
        () =>
          validateContribution({ form: FORM, method: { pruner, target: TARGET }, base: BASE }, 'statistics', {
            inputs: [new Float32Array(299)],
          }),
        { reason: 'FORM' },
      )
      assert.throws(
        () =>
          validateContribution(
            { form: FORM, method: { pruner, target: TARGET }, base: BASE },
            'statistics',
            pruned(COUNTS),
          ),
        {
          reason: 'KIND',
        },
      )
    }
    assert.throws(
      () =>
        validateContribution(
          { form: FORM, method: { pruner: 'sparsegpt', target: TARGET }, base: BASE },
          'statistics',
          good,
        ),
      { reason: 'KIND' },
    )
  })
})
