/** Compares the numbers of two tensors, in the same layout or in that of the transpose, and in any element type. */
import { DATA_TYPE, elementBytes, readFloats, readRange, type TensorRef, tensorBytes } from '../../onnx/tensor.ts'

export type Orientation = 'same' | 'transposed'

/**
 * The number of values that are compared before a whole tensor is read: different tensors never have as many in common.
 */
const COMPARED_FIRST = 16

/** Values of a floating tensor as float32; those of a float64 tensor are rounded. */
export function floatValues(tensor: TensorRef): Float32Array {
  if (tensor.dataType === DATA_TYPE.float16)
    return readFloats({ ...tensor, dataType: DATA_TYPE.float, data: { kind: 'widened', from: tensor } })
  if (tensor.dataType === DATA_TYPE.double) return Float32Array.from(new Float64Array(tensorBytes(tensor).buffer))
  if (tensor.dataType !== DATA_TYPE.bfloat16) return readFloats(tensor)
  // bfloat16 is the upper half of a float32.
  const halves = new Uint16Array(tensorBytes(tensor).buffer)
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer)
}

/**
 * The layout in which `other`, which lies in a file, holds these values; undefined if it holds others.
 * @param dims - shape of `values`
 */
export function orientationOf(
  dims: readonly number[],
  values: Float32Array,
  other: TensorRef,
): Orientation | undefined {
  return (['same', 'transposed'] as const).find((orientation) => {
    if (orientation === 'transposed' && dims.length !== 2) return false
    const wanted = orientation === 'same' ? dims : dims.toReversed()
    if (wanted.join() !== other.dims.join()) return false
    const at = orientation === 'same' ? (i: number) => i : transposedAt(dims)
    const equals = (some: Float32Array) => some.every((value, i) => value === values[at(i)])
    return equals(floatValues(firstOf(other))) && equals(floatValues(other))
  })
}

/**
 * For a matrix [rows, cols]: a function from an index in its transpose to the index of the same element in the matrix.
 */
function transposedAt([rows, cols]: readonly number[]): (i: number) => number {
  return (i) => (i % rows) * cols + Math.floor(i / rows)
}

/** The first elements of a tensor in a file, as a vector. */
function firstOf(tensor: TensorRef): TensorRef {
  const { data, dataType, name } = tensor
  if (data.kind !== 'file') return tensor
  const length = Math.min(data.length, COMPARED_FIRST * elementBytes(dataType, name))
  const bytes = new Uint8Array(length)
  readRange(data.path, data.offset, bytes)
  return { name, dataType, dims: [length / elementBytes(dataType, name)], data: { kind: 'memory', bytes } }
}
