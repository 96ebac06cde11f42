/** A member's plain contribution as the vector that it masks. */
import type { BlockForm } from '../../form/block-form.ts'
import { float16Of } from '../../form/fp16.ts'
import { productBytes } from '../pooled/products.ts'
import type { PackedAdapter } from '../structures/structured-contribution.ts'
import { fixedMeanSquare } from '../sums/exact-sum.ts'
import { Wholes } from './wholes.ts'

/**
 * The whole number that stands for an adapter's number of 1: every finite fp16 is a multiple of 2^-24 below 2^16, so 64
 * bits hold the sum of 2^7 of them.
 */
export const ADAPTER_UNIT = 2 ** 40

/** @param inputs - one array a layer input, [cols] */
export function ofMeanSquares(inputs: readonly Float32Array[]): Wholes[] {
  return inputs.map((values) => Wholes.ofBigInts(16, Array.from(values, fixedMeanSquare)))
}

/**
 * @param products - one array a layer input, one number a pair i < j
 * @param members - on the roster
 */
export function ofProducts({ inputs }: BlockForm, products: readonly Int32Array[], members: number): Wholes[] {
  return inputs.map((cols, input) => Wholes.ofInt32s(productBytes(cols, members), products[input]))
}

/** @param importances - one array a structure: whole numbers */
export function ofImportances(importances: readonly Float64Array[]): Wholes[] {
  return importances.map((values) => Wholes.ofBigInts(8, Array.from(values, BigInt)))
}

/** @param adapters - one entry a layer, in order of role */
export function ofAdapters(adapters: readonly PackedAdapter[]): Wholes[] {
  const factors = adapters.flatMap(({ a, b }) => [a, b])
  return factors.map((bits) =>
    Wholes.ofBigInts(
      8,
      Array.from(float16Of(bits), (value) => BigInt(value * ADAPTER_UNIT)),
    ),
  )
}
