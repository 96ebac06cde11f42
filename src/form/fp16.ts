/**
 * fp16 (IEEE 754 binary16), in which files may store weights, survivors travel and their means are stored. Finite
 * values are whole multiples of 2^-24 of magnitude at most 65504. Narrowing is the language's own (Float16Array): from
 * float64 or float32, once, to nearest, ties to even. Widening is exact.
 */
import { InputError } from '../base/errors.ts'
import { isKept } from './mask.ts'

/** From here on a value rounds to infinity: half a unit beyond the largest finite value, 65504. */
const OVERFLOW = 65_520

const NEGATIVE_ZERO = 0x8000
const EXPONENT = 0x7c00

/** The values behind fp16 bits; shares their memory. */
export function float16Of(bits: Uint16Array): Float16Array {
  return new Float16Array(bits.buffer, bits.byteOffset, bits.length)
}

/** float32 bits of every fp16 bit pattern: looking up is four times as fast as the language's own conversion. */
const WIDE = new Uint32Array(
  Float32Array.from(float16Of(Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits))).buffer,
)

/** Writes the float32 values of fp16 bits into `out`, which has their length. */
export function widen(bits: Uint16Array, out: Float32Array): void {
  const wide = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) wide[i] = WIDE[bits[i]]
}

/** The bits of the nearest fp16 values; zero keeps its sign, as ONNX stores it. */
function nearest(values: Float64Array | Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(values.length)
  float16Of(bits).set(values)
  return bits
}

/** Whether fp16 cannot hold a value: it is too large, infinite or NaN. */
export function isBeyond(value: number): boolean {
  return !(Math.abs(value) < OVERFLOW)
}

/** fp16 bits of float32 values, and the index of the first that fp16 cannot hold, or -1. */
export function narrow(values: Float32Array): { bits: Uint16Array<ArrayBuffer>; beyond: number } {
  return { bits: nearest(values), beyond: values.findIndex(isBeyond) }
}

/** The bits of `values` as fp16, every zero and whatever rounds to zero as +0. Values must be in range. */
export function fp16Bits(values: Float64Array | Float32Array): Uint16Array {
  const bits = nearest(values)
  for (let i = 0; i < bits.length; i++) if (bits[i] === NEGATIVE_ZERO) bits[i] = 0
  return bits
}

/**
 * The kept weights of a layer as fp16 bits, in flat order.
 * @param name - the layer, for the message
 * @throws InputError if a kept weight is NaN, infinite or beyond fp16
 */
export function packSurvivors(weight: Float32Array, mask: Uint8Array, name: string): Uint16Array {
  const kept = new Float32Array(weight.length)
  let count = 0
  for (let i = 0; i < weight.length; i++) {
    if (!isKept(mask, i)) continue
    const value = weight[i]
    if (isBeyond(value)) throw outOfRange(value, i, name)
    kept[count++] = value
  }
  return fp16Bits(kept.subarray(0, count))
}

function outOfRange(value: number, index: number, name: string): InputError {
  return new InputError({
    code: 'FP16_RANGE',
    what: `layer ${name}: the pruned weight ${index} is ${value}, beyond what fp16 holds (65504)`,
    hint: 'Contributions of this pruner carry fp16; use --pruner wanda or magnitude for this model, or more text.',
  })
}

/** The index of the first value that no honest sender writes (-0, NaN, infinity), or -1. */
export function findBadFp16(bits: Uint16Array): number {
  let bad = 0
  for (let i = 0; i < bits.length; i++) {
    bad |= Number(bits[i] === NEGATIVE_ZERO) | Number((bits[i] & EXPONENT) === EXPONENT)
  }
  return bad === 0 ? -1 : bits.findIndex((value) => value === NEGATIVE_ZERO || (value & EXPONENT) === EXPONENT)
}
