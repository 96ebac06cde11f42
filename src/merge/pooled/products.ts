/**
 * The second moments of a member's layer inputs, as whole numbers that all members add up. With the totals D of
 * everybody's mean squares, a product is c_ij = G_ij / sqrt(D_i D_j), i < j, where G is the mean of x_i x_j over the
 * member's tokens. It is sent as round(c_ij q).
 *
 * No sum overflows: |G_ij| is clipped to sqrt(g_i g_j), g the member's own mean squares as they are added up, so that
 * by Cauchy and Schwarz the sum of |G_ij| over members is at most the sum of sqrt(g_i g_j), and that at most
 * sqrt(D_i D_j). Rounding adds half a unit a member, for which q leaves 64 units.
 */
import type { BlockForm } from '../../form/block-form.ts'
import { FrameReader, HEADER_BYTES, writeFrame } from '../bytes.ts'
import { InvalidContributionError } from '../errors.ts'
import { representedMeanSquare } from '../sums/exact-sum.ts'

/** The members for which half a unit of rounding each fits beside q. */
const ROUNDING_UNITS = 64

/** A layer input with more columns has products of 24 bits: the noise of rounding would be above the damping. */
const WIDEST_OF_16_BITS = 8192
/** More members than these have products of 24 bits, for the same reason. */
const MOST_OF_16_BITS = 16

const MAGIC = 'COPP'
const VERSION = 1
const KIND = 1

/** The bytes of a product, 2 or 3, of an input with this many columns. */
export function productBytes(cols: number, members: number): 2 | 3 {
  return cols > WIDEST_OF_16_BITS || members > MOST_OF_16_BITS ? 3 : 2
}

/** q: the whole number that stands for a product of 1. */
export function unitOf(cols: number, members: number): number {
  return (productBytes(cols, members) === 2 ? 2 ** 15 : 2 ** 23) - ROUNDING_UNITS
}

/** The number of pairs of columns i < j. */
export function pairsOf(cols: number): number {
  return (cols * (cols - 1)) / 2
}

/**
 * The products of an input, one a pair i < j, row by row.
 * @param gram - the means of x_i x_j over the member's tokens, in the same order
 * @param meanSquares - the member's own, as offered, [cols]
 * @param totals - sums over all members, [cols]
 */
export function productsOf(
  gram: Float32Array,
  meanSquares: Float32Array,
  totals: Float64Array,
  unit: number,
): Int32Array {
  const products = new Int32Array(gram.length)
  const norms = Float64Array.from(meanSquares, (value) => Math.sqrt(representedMeanSquare(value)))
  const scales = Float64Array.from(totals, (total) => (total === 0 ? 0 : 1 / Math.sqrt(total)))
  let at = 0
  for (let i = 0; i < norms.length; i++) {
    for (let j = i + 1; j < norms.length; j++, at++) {
      const most = norms[i] * norms[j]
      const value = Math.min(Math.max(gram[at], -most), most)
      products[at] = Math.round(value * scales[i] * scales[j] * unit)
    }
  }
  return products
}

/** The length of a contribution of products, in bytes. */
export function productsBytes({ inputs }: BlockForm, members: number): number {
  return inputs.reduce((sum, cols) => sum + productBytes(cols, members) * pairsOf(cols), HEADER_BYTES)
}

/** The one encoding of products: the header, and each input's, little-endian in two's complement. */
export function encodeProducts({ inputs }: BlockForm, products: readonly Int32Array[], members: number): Uint8Array {
  const arrays = products.map((values, input) => pack(values, productBytes(inputs[input], members)))
  return writeFrame({ magic: MAGIC, version: VERSION, kind: KIND }, arrays)
}

/** Whether bytes claim to be products. */
export function areProducts(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString('latin1') === MAGIC
}

/**
 * The inverse of encodeProducts, for a peer's bytes.
 * @throws {InvalidContributionError} MAGIC, VERSION, KIND, RESERVED, LENGTH, or VALUE: a product is beyond 1
 */
export function decodeProducts({ inputs }: BlockForm, bytes: Uint8Array, members: number): Int32Array[] {
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, [KIND], InvalidContributionError)
  const products = inputs.map((cols, input) => {
    const width = productBytes(cols, members)
    const values = unpack(reader.bytesOf(width * pairsOf(cols)), width)
    const unit = unitOf(cols, members)
    const bad = values.findIndex((value) => value > unit || value < -unit)
    if (bad < 0) return values
    throw new InvalidContributionError('VALUE', `input ${input}: product ${bad} is ${values[bad]} of ${unit}`)
  })
  reader.end()
  return products
}

function pack(values: Int32Array, width: 2 | 3): Uint8Array {
  const bytes = new Uint8Array(width * values.length)
  for (let i = 0, at = 0; i < values.length; i++) {
    for (let byte = 0; byte < width; byte++) bytes[at++] = values[i] >> (8 * byte)
  }
  return bytes
}

function unpack(bytes: Uint8Array, width: 2 | 3): Int32Array {
  const values = new Int32Array(bytes.length / width)
  const unused = 32 - 8 * width
  for (let i = 0, at = 0; i < values.length; i++, at += width) {
    const low = bytes[at] | (bytes[at + 1] << 8)
    values[i] = ((width === 2 ? low : low | (bytes[at + 2] << 16)) << unused) >> unused
  }
  return values
}
