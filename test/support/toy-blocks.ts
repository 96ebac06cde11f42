/** Small blocks for tests: forms, contributions written by hand, and random ones with many ties. */
import fc from 'fast-check'
import type { BlockForm } from '../../src/form/block-form.ts'
import { float16Of, fp16Bits } from '../../src/form/fp16.ts'
import { dropKept, isKept, newMask } from '../../src/form/mask.ts'
import type { SparsityTarget } from '../../src/form/method.ts'
import type { BlockContribution } from '../../src/merge/masks/contribution.ts'
import type { MergedBlock } from '../../src/merge/masks/merged-block.ts'
import { magnitudeMask } from '../../src/prune/masks/magnitude.ts'
import { blockColumns } from '../../src/prune/masks/target.ts'
import type { Random } from './random.ts'

/** One layer of a row. */
export const rowForm = (cols: number): BlockForm => ({ inputs: [cols], layers: [{ rows: 1, cols, input: 0 }] })

export const share = (ppm: number): SparsityTarget => ({ kind: 'unstructured', ppm })

/** '10110' */
export const maskOf = (bits: string): Uint8Array => {
  const mask = newMask(bits.length)
  for (const [i, bit] of [...bits].entries()) if (bit === '0') dropKept(mask, i)
  return mask
}

export const bitsOf = (mask: Uint8Array, size: number): string =>
  Array.from({ length: size }, (_, i) => Number(isKept(mask, i))).join('')

/** A contribution of `weights` for a block of one layer: weights, and which of them are kept (default: all but 0). */
export function sparse(weights: number[], bits?: string, meanSquares?: number[]): BlockContribution {
  const mask = maskOf(bits ?? weights.map((w) => (w === 0 ? '0' : '1')).join(''))
  const survivors = fp16Bits(Float64Array.from(weights.filter((_, i) => isKept(mask, i))))
  return { inputs: [Float32Array.from(meanSquares ?? weights.map(() => 1))], layers: [{ mask, survivors }] }
}

/**
 * A contribution of `weights` that validation accepts: zeros at random places, as many as SparseGPT leaves, and
 * survivors within a tenth of the base's.
 */
export function prunedLike(
  { form, target, base }: Pick<Toy, 'form' | 'target' | 'base'>,
  random: Random,
): Required<BlockContribution> {
  const layers = form.layers.map(({ rows, cols }, role) => {
    const mask = newMask(rows * cols)
    const width = blockColumns(target)
    for (let from = 0; from < cols; from += width) {
      const count = Math.min(width, cols - from)
      const zeros = magnitudeMask(random.normals(rows * count), rows, count, target)
      for (let i = 0; i < rows * count; i++)
        if (!isKept(zeros, i)) dropKept(mask, Math.floor(i / count) * cols + from + (i % count))
    }
    const kept = base[role].filter((_, i) => isKept(mask, i)).map((w) => w * (0.95 + 0.1 * random.next()))
    return { mask, survivors: fp16Bits(kept) }
  })
  return { inputs: form.inputs.map((cols) => random.normals(cols).map((x) => x * x)), layers }
}

/** The values of one layer of a merged block, 0 where nothing is kept. */
export function valuesOf({ layers }: MergedBlock, size: number, role = 0): number[] {
  const { mask, survivors } = layers[role]
  const values = float16Of(survivors ?? new Uint16Array())
  let next = 0
  return Array.from({ length: size }, (_, i) => (isKept(mask, i) ? values[next++] : 0))
}

export interface Toy {
  form: BlockForm
  target: SparsityTarget
  base: Float32Array[]
  /** Payload `weights`: arbitrary masks, not a pruner's counts. */
  weights: BlockContribution[]
  /** Payload `statistics`. */
  statistics: BlockContribution[]
}

/** fp16 values that collide often, cancel, and reach the ends of the range. */
const fewValues = fc.constantFrom(...[0, 1, -1, 2, -2, 3, 0.5, -0.5, 2 ** -24, -(2 ** -24), 65504, -65504])
const anyValue = fc.integer({ min: -0x7bff, max: 0x7bff }).map((n) => {
  return float16Of(Uint16Array.of(n < 0 ? -n | 0x8000 : n))[0]
})
const meanSquare = fc.oneof(fc.constantFrom(0, 1, 4), fc.float({ min: 0, max: 2 ** 46, noNaN: true })).map((x) => {
  return Math.abs(Math.fround(x))
})

function layerArbitrary(size: number): fc.Arbitrary<{ mask: Uint8Array; survivors: Uint16Array }> {
  const values = fc.array(fc.oneof(fewValues, anyValue), { minLength: size, maxLength: size })
  return fc.tuple(fc.array(fc.boolean(), { minLength: size, maxLength: size }), values).map(([keep, all]) => ({
    mask: maskOf(keep.map(Number).join('')),
    survivors: fp16Bits(Float64Array.from(all.filter((_, i) => keep[i]))),
  }))
}

const floats = (length: number, value: fc.Arbitrary<number>) =>
  fc.array(value, { minLength: length, maxLength: length }).map((list) => Float32Array.from(list))

/** Blocks of two inputs and three layers with 1 to 6 contributions of each payload. */
export const toyArbitrary: fc.Arbitrary<Toy> = fc
  .record({
    m: fc.constantFrom(2, 4),
    groups: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 })),
    rows: fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 1, max: 5 }))),
    ppm: fc.oneof(fc.constantFrom(0, 500_000, 600_000, 1_000_000), fc.integer({ min: 0, max: 1_000_000 })),
    pattern: fc.boolean(),
    members: fc.integer({ min: 1, max: 6 }),
  })
  .chain(({ m, groups, rows, ppm, pattern, members }) => {
    const inputs = groups.map((count) => count * m)
    const form = { inputs, layers: rows.map((count, k) => ({ rows: count, cols: inputs[k >> 1], input: k >> 1 })) }
    const target = pattern ? ({ kind: 'pattern', n: m / 2, m } as const) : share(ppm)
    const many = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: members, maxLength: members })
    const statistics = fc.tuple(...inputs.map((cols) => floats(cols, meanSquare)))
    const sizes = form.layers.map((layer) => layer.rows * layer.cols)
    return fc.record({
      form: fc.constant(form),
      target: fc.constant(target),
      base: fc.tuple(
        ...sizes.map((size) => floats(size, fc.oneof(fewValues, fc.float({ noNaN: true, noDefaultInfinity: true })))),
      ),
      weights: many(fc.record({ inputs: statistics, layers: fc.tuple(...sizes.map(layerArbitrary)) })),
      statistics: many(fc.record({ inputs: statistics })),
    })
  })
