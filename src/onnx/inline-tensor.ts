/** References to tensors whose messages were read whole. */
import { InputError } from '../base/errors.ts'
import type { TensorProto } from './generated/onnx_pb.js'
import { byteLength, DATA_TYPE, elementBytes, elementCount, type TensorBytes, type TensorRef } from './tensor.ts'

/** A tensor that stands in a node's attribute (Constant) or was read whole. */
export function inlineTensor(tensor: TensorProto): TensorRef {
  return toTensorRef(tensor, inlineData(tensor) ?? { kind: 'memory', bytes: new Uint8Array() })
}

/** @throws {InputError} MODEL_TENSOR_SIZE */
export function toTensorRef({ name, dims: given, dataType }: TensorProto, data: TensorBytes): TensorRef {
  const dims = sizes(given, name)
  const tensor = { name, dims, dataType, data }
  const wanted = elementCount(dims) * elementBytes(dataType, name)
  const length = byteLength(tensor)
  if (length === wanted) return tensor
  throw new InputError({
    code: 'MODEL_TENSOR_SIZE',
    what: `tensor "${name}" [${dims}] wants ${wanted} bytes and has ${length}`,
    hint: 'Export or copy the model again.',
  })
}

/** @throws {InputError} MODEL_TENSOR_SIZE */
export function sizes(dims: readonly bigint[], name: string): number[] {
  const numbers = dims.map(Number)
  if (numbers.every((size) => size >= 0) && Number.isSafeInteger(elementCount(numbers))) return numbers
  throw new InputError({
    code: 'MODEL_TENSOR_SIZE',
    what: `tensor "${name}" has the dimensions [${dims}]`,
    hint: 'Export or copy the model again.',
  })
}

/** The raw little-endian bytes of a tensor, from any of ONNX's typed fields; undefined if none has them. */
export function inlineData(tensor: TensorProto): TensorBytes | undefined {
  const { rawData, floatData, doubleData, int64Data, int32Data, uint64Data, stringData } = tensor
  if (rawData.length > 0) return { kind: 'memory', bytes: rawData }
  const of = (array: ArrayBufferView): TensorBytes => ({
    kind: 'memory',
    bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  })
  if ([floatData, doubleData, int64Data, int32Data, uint64Data, stringData].every(({ length }) => length === 0))
    return undefined
  switch (tensor.dataType) {
    case DATA_TYPE.float:
      return of(Float32Array.from(floatData))
    case DATA_TYPE.double:
      return of(Float64Array.from(doubleData))
    case DATA_TYPE.int64:
      return of(BigInt64Array.from(int64Data))
    case DATA_TYPE.int32:
      return of(Int32Array.from(int32Data))
    case DATA_TYPE.float16:
    case DATA_TYPE.bfloat16:
      return of(Uint16Array.from(int32Data))
    default:
      return of(Uint8Array.from(int32Data))
  }
}
