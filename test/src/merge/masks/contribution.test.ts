import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import type { PayloadKind } from '../../../../src/form/method.ts'
import { type FaultReason, InvalidContributionError } from '../../../../src/merge/errors.ts'
import {
  contributionBytes,
  decodeContribution,
  encodeContribution,
  payloadKindOf,
  toContribution,
} from '../../../../src/merge/masks/contribution.ts'
import { bitsOf, maskOf, sparse, toyArbitrary, valuesOf } from '../../../support/toy-blocks.ts'

const KINDS: PayloadKind[] = ['statistics', 'weights']

/** 3 inputs; one layer of 3 x 3, whose mask has 7 padding bits. */
const FORM: BlockForm = { inputs: [3], layers: [{ rows: 3, cols: 3, input: 0 }] }
const WEIGHTS = sparse([1, 0, 3, 0, -2, 0, 0, 0, 0.5], undefined, [1, 2, 0])

/** SmolLM2-135M: q, k, v; o; gate, up; down. */
const SMOLLM2: BlockForm = {
  inputs: [576, 576, 576, 1536],
  layers: [
    { rows: 576, cols: 576, input: 0 },
    { rows: 192, cols: 576, input: 0 },
    { rows: 192, cols: 576, input: 0 },
    { rows: 576, cols: 576, input: 1 },
    { rows: 1536, cols: 576, input: 2 },
    { rows: 1536, cols: 576, input: 2 },
    { rows: 576, cols: 1536, input: 3 },
  ],
}

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/[^0-9a-f]/g, ''), 'hex'))

// Header; x = 1, 2, 0; mask 101010001; 1, 3, -2, 0.5.
const HEADER = '434f5043 01 02 0000'
const STATISTICS = '0000803f 00000040 00000000'
const MASK = '1501'
const SURVIVORS = '003c 0042 00c0 0038'
const BYTES = hex(HEADER + STATISTICS + MASK + SURVIVORS)

describe('the encoding of contributions', () => {
  it('is a header, the statistics, and for weights each mask and its fp16 survivors', () => {
    const [layer] = WEIGHTS.layers ?? []
    assert.equal(bitsOf(layer.mask, 9), '101010001')
    assert.deepEqual(encodeContribution(FORM, WEIGHTS), BYTES)
    assert.deepEqual(encodeContribution(FORM, { inputs: WEIGHTS.inputs }), hex(`434f5043 01 01 0000${STATISTICS}`))
    assert.deepEqual(decodeContribution(FORM, 'weights', BYTES), WEIGHTS)
  })

  it('(19) comes back as it was, from buffers at any offset', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.constantFrom(...KINDS), fc.nat(7), ({ form, weights, statistics }, kind, offset) => {
        for (const contribution of kind === 'weights' ? weights : statistics) {
          const bytes = encodeContribution(form, contribution)
          const moved = Buffer.concat([new Uint8Array(offset), bytes]).subarray(offset)
          const decoded = decodeContribution(form, kind, moved)
          assert.deepEqual(decoded.inputs, contribution.inputs)
          assert.deepEqual(decoded.layers, contribution.layers)
          const { least, most } = contributionBytes(form, kind)
          assert.ok(least <= bytes.length && bytes.length <= most)
          assert.equal(payloadKindOf(bytes), kind)
        }
      }),
    )
  })

  it('takes at most 0.031 bit a weight of SmolLM2 for statistics', () => {
    const bytes = encodeContribution(SMOLLM2, toContribution(SMOLLM2, undefined, []))
    const weights = SMOLLM2.layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
    assert.equal(bytes.length, 8 + 4 * 3264)
    assert.ok((8 * bytes.length) / weights <= 0.031)
    assert.deepEqual(contributionBytes(SMOLLM2, 'statistics'), { least: bytes.length, most: bytes.length })
  })

  it('(19) takes ceil(d / 8) + 2 kept bytes a layer for weights', () => {
    assert.equal(BYTES.length, 8 + 4 * 3 + 2 + 2 * 4)
    assert.deepEqual(contributionBytes(FORM, 'weights'), { least: 8 + 12 + 2, most: 8 + 12 + 2 + 18 })
  })

  it('does not hold on to the bytes it was read from', () => {
    const bytes = BYTES.slice()
    const decoded = decodeContribution(FORM, 'weights', bytes)
    bytes.fill(0xff)
    assert.deepEqual(decoded, WEIGHTS)
  })

  it('knows its payload by the header alone', () => {
    assert.equal(payloadKindOf(BYTES), 'weights')
    for (const bytes of [
      new Uint8Array(),
      BYTES.subarray(0, 7),
      hex('434f504d 01 01 0000'),
      hex('434f5043 02 01 0000'),
    ]) {
      assert.equal(payloadKindOf(bytes), null)
    }
    assert.equal(payloadKindOf(hex('434f5043 01 03 0000')), null)
  })

  it('is not made of anything that does not fit the form', () => {
    const [layer] = WEIGHTS.layers ?? []
    const wrong = [
      { ...WEIGHTS, inputs: [] },
      { ...WEIGHTS, inputs: [Float32Array.of(1, 2)] },
      { ...WEIGHTS, layers: [] },
      { ...WEIGHTS, layers: [layer, layer] },
      { ...WEIGHTS, layers: [{ ...layer, mask: layer.mask.subarray(1) }] },
      { ...WEIGHTS, layers: [{ ...layer, mask: Uint8Array.of(0x15, 0x03) }] },
      { ...WEIGHTS, layers: [{ ...layer, survivors: layer.survivors.subarray(1) }] },
    ]
    for (const [i, contribution] of wrong.entries()) {
      assert.throws(() => encodeContribution(FORM, contribution), RangeError, `case ${i}`)
    }
  })
})

describe('hostile contributions', () => {
  const statistic = (text: string) => hex(HEADER + STATISTICS.replace('00000040', text) + MASK + SURVIVORS)
  const survivor = (text: string) => hex(HEADER + STATISTICS + MASK + SURVIVORS.replace('00c0', text))
  const table: { id: string; bytes: Uint8Array; reason: FaultReason; kind?: PayloadKind }[] = [
    { id: 'nothing', bytes: new Uint8Array(), reason: 'LENGTH' },
    { id: 'half a header', bytes: BYTES.subarray(0, 7), reason: 'LENGTH' },
    { id: 'a header alone', bytes: BYTES.subarray(0, 8), reason: 'LENGTH' },
    { id: 'other magic', bytes: hex(`434f504d 01 02 0000${STATISTICS}${MASK}${SURVIVORS}`), reason: 'MAGIC' },
    { id: 'a later version', bytes: hex(`434f5043 02 02 0000${STATISTICS}${MASK}${SURVIVORS}`), reason: 'VERSION' },
    { id: 'an unknown kind', bytes: hex(`434f5043 01 03 0000${STATISTICS}${MASK}${SURVIVORS}`), reason: 'KIND' },
    { id: 'weights where statistics are due', bytes: BYTES, reason: 'KIND', kind: 'statistics' },
    { id: 'statistics where weights are due', bytes: hex(`434f5043 01 01 0000${STATISTICS}`), reason: 'KIND' },
    { id: 'a reserved byte', bytes: hex(`434f5043 01 02 0001${STATISTICS}${MASK}${SURVIVORS}`), reason: 'RESERVED' },
    { id: 'statistics cut short', bytes: BYTES.subarray(0, 19), reason: 'LENGTH' },
    { id: 'no mask', bytes: BYTES.subarray(0, 20), reason: 'LENGTH' },
    { id: 'half a mask', bytes: BYTES.subarray(0, 21), reason: 'LENGTH' },
    { id: 'no survivors', bytes: BYTES.subarray(0, 22), reason: 'LENGTH' },
    { id: 'one byte too few', bytes: BYTES.subarray(0, -1), reason: 'LENGTH' },
    { id: 'one byte too many', bytes: Buffer.concat([BYTES, new Uint8Array(1)]), reason: 'LENGTH' },
    { id: 'twice', bytes: Buffer.concat([BYTES, BYTES]), reason: 'LENGTH' },
    {
      id: 'a mask that keeps more than follows',
      bytes: hex(`${HEADER}${STATISTICS}1701${SURVIVORS}`),
      reason: 'LENGTH',
    },
    {
      id: 'a mask that keeps less than follows',
      bytes: hex(`${HEADER}${STATISTICS}1401${SURVIVORS}`),
      reason: 'LENGTH',
    },
    { id: 'a padding bit', bytes: hex(`${HEADER}${STATISTICS}1503${SURVIVORS}`), reason: 'PADDING' },
    { id: 'the last padding bit', bytes: hex(`${HEADER}${STATISTICS}1581${SURVIVORS}`), reason: 'PADDING' },
    { id: 'a statistic of NaN', bytes: statistic('0000c07f'), reason: 'STATISTIC' },
    { id: 'a signalling NaN', bytes: statistic('0100807f'), reason: 'STATISTIC' },
    { id: 'an infinite statistic', bytes: statistic('0000807f'), reason: 'STATISTIC' },
    { id: 'a negative statistic', bytes: statistic('000000c0'), reason: 'STATISTIC' },
    { id: 'the smallest negative statistic', bytes: statistic('01000080'), reason: 'STATISTIC' },
    { id: 'a statistic of -0', bytes: statistic('00000080'), reason: 'STATISTIC' },
    { id: 'a survivor of NaN', bytes: survivor('007e'), reason: 'VALUE' },
    { id: 'a signalling NaN as survivor', bytes: survivor('017c'), reason: 'VALUE' },
    { id: 'an infinite survivor', bytes: survivor('007c'), reason: 'VALUE' },
    { id: 'a survivor of -infinity', bytes: survivor('00fc'), reason: 'VALUE' },
    { id: 'a survivor of -0', bytes: survivor('0080'), reason: 'VALUE' },
  ]

  for (const { id, bytes, reason, kind = 'weights' } of table) {
    it(`are refused: ${id}`, () => {
      assert.throws(
        () => decodeContribution(FORM, kind, bytes),
        (error) => error instanceof InvalidContributionError && error.reason === reason,
      )
    })
  }

  it('name the layer at fault', () => {
    assert.throws(() => decodeContribution(FORM, 'weights', survivor('007e')), {
      code: 'INVALID_CONTRIBUTION',
      layer: 0,
      message: 'layer 0: survivor 2 has the bits 0x7e00: -0, NaN or infinite',
    })
  })

  it('may hold a kept zero, subnormal numbers and the ends of the range', () => {
    for (const text of ['0000', '0100', '0180', 'ff7b', 'fffb']) decodeContribution(FORM, 'weights', survivor(text))
    for (const text of ['01000000', 'ffffff56']) decodeContribution(FORM, 'weights', statistic(text))
  })

  const refusedOrCanonical = (form: BlockForm, kind: PayloadKind, bytes: Uint8Array) => {
    try {
      assert.deepEqual(encodeContribution(form, decodeContribution(form, kind, bytes)), bytes)
    } catch (error) {
      if (!(error instanceof InvalidContributionError)) throw error
    }
  }

  it('of random bytes are refused for a reason, or are canonical', () => {
    const body = fc.uint8Array({ maxLength: 60 })
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), fc.boolean(), body, (kind, headed, bytes) => {
        const header = hex(`434f5043 01 0${1 + KINDS.indexOf(kind)} 0000`)
        refusedOrCanonical(FORM, kind, new Uint8Array(headed ? [...header, ...bytes] : bytes))
      }),
      { numRuns: 2000 },
    )
  })

  it('of flipped, cut and grown bytes are refused for a reason, or are canonical', () => {
    const change = fc.record({ at: fc.nat(BYTES.length - 1), byte: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.integer({ min: -3, max: 3 }), (changes, grow) => {
        const bytes = new Uint8Array(BYTES.length + grow)
        bytes.set(BYTES.subarray(0, Math.min(BYTES.length, bytes.length)))
        for (const { at, byte } of changes) bytes[Math.min(at, bytes.length - 1)] = byte
        refusedOrCanonical(FORM, 'weights', bytes)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a pruned block as a contribution', () => {
  const weight = Float32Array.of(1.0001, 0, 3, 0, -2, 0, 0, 0, 0.5)
  const layer = { weight, mask: maskOf('101010001') }

  it('rounds survivors to fp16 and carries the statistics as they are', () => {
    const contribution = toContribution(FORM, [layer], [Float32Array.of(1, 2, 0)])
    assert.deepEqual(contribution, WEIGHTS)
    assert.deepEqual(valuesOf({ layers: contribution.layers ?? [] }, 9), [1, 0, 3, 0, -2, 0, 0, 0, 0.5])
  })

  it('counts all columns alike where nothing was observed', () => {
    assert.deepEqual(toContribution(FORM, undefined, []), { inputs: [Float32Array.of(1, 1, 1)] })
  })

  it('fails at its author where a survivor or a statistic is out of range', () => {
    const beyond = { weight: weight.map((w) => w * 1e5), mask: layer.mask }
    assert.throws(() => toContribution(FORM, [beyond], [], ['/layers.0/q_proj']), {
      code: 'FP16_RANGE',
      message: /layer \/layers\.0\/q_proj: the pruned weight 0 is 1000/,
    })
    for (const bad of [NaN, Infinity, 2 ** 47, -1, -0]) {
      assert.throws(() => toContribution(FORM, undefined, [Float32Array.of(1, bad, 1)]), { code: 'STATISTIC_RANGE' })
    }
  })
})
