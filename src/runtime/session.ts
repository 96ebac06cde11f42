/** ONNX Runtime sessions made from memory, with the settings that all of Coppice uses. */
import { InputError } from '../base/errors.ts'
import { DATA_TYPE, typeName } from '../onnx/tensor.ts'
import * as ort from './onnx-runtime.ts'
import { runtimeRefusal } from './runtime-refusal.ts'

interface SessionSettings {
  /** Threads of one operator. */
  threads: number
  /** Whether what a run needs is kept for the next one, planned as one piece; default: true. */
  arena?: boolean
}

/** @throws {InputError} MODEL_REFUSED_BY_RUNTIME: the bytes are no model that ONNX Runtime accepts */
export async function createSession(
  model: Uint8Array | string,
  { threads, arena = true }: SessionSettings,
): Promise<ort.InferenceSession> {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    // Measured on 135 M parameters, batches of 512 tokens: a planned arena takes half the memory that an allocator call
    // a tensor takes, and fewer page faults.
    enableCpuMemArena: arena,
    enableMemPattern: arena,
    // Weights are fed or used once: a second, packed copy of them would only take memory.
    extra: { session: { disable_prepacking: '1', intra_op: { allow_spinning: '0' } } },
  }
  try {
    return await (typeof model === 'string'
      ? ort.InferenceSession.create(model, options)
      : ort.InferenceSession.create(model, options))
  } catch (cause) {
    throw runtimeRefusal(typeof model === 'string' ? model : 'a part of the model', 'refuses', cause)
  }
}

const TYPE_NAMES: Record<number, ort.Tensor.Type> = {
  [DATA_TYPE.float]: 'float32',
  [DATA_TYPE.int64]: 'int64',
  [DATA_TYPE.int32]: 'int32',
  [DATA_TYPE.bool]: 'bool',
  [DATA_TYPE.float16]: 'float16',
  [DATA_TYPE.double]: 'float64',
  [DATA_TYPE.uint8]: 'uint8',
  [DATA_TYPE.int8]: 'int8',
}

/** @throws {InputError} TENSOR_TYPE: no type that parts of a model hand on here, such as uint16 */
export function dataTypeOf(type: ort.Tensor.Type): number {
  const found = Object.entries(TYPE_NAMES).find(([, name]) => name === type)
  if (found === undefined) throw unsupported(type)
  return Number(found[0])
}

function unsupported(type: string): InputError {
  return new InputError({
    code: 'TENSOR_TYPE',
    what: `the graph has a value of the element type ${type}, which cannot be handed to ONNX Runtime here`,
    hint: 'Export the model in float32 or float16.',
  })
}

/**
 * A tensor over raw little-endian bytes (aligned, own buffer).
 * @throws {InputError} TENSOR_TYPE: an element type that ONNX Runtime does not take from outside, such as bfloat16
 */
export function tensorOfBytes(dataType: number, bytes: Uint8Array<ArrayBuffer>, dims: readonly number[]): ort.Tensor {
  const { buffer, byteOffset, byteLength } = bytes
  switch (dataType) {
    case DATA_TYPE.float:
      return new ort.Tensor('float32', new Float32Array(buffer, byteOffset, byteLength / 4), dims)
    case DATA_TYPE.int64:
      return new ort.Tensor('int64', new BigInt64Array(buffer, byteOffset, byteLength / 8), dims)
    case DATA_TYPE.int32:
      return new ort.Tensor('int32', new Int32Array(buffer, byteOffset, byteLength / 4), dims)
    case DATA_TYPE.double:
      return new ort.Tensor('float64', new Float64Array(buffer, byteOffset, byteLength / 8), dims)
    case DATA_TYPE.float16:
      return new ort.Tensor('float16', new Uint16Array(buffer, byteOffset, byteLength / 2), dims)
    case DATA_TYPE.bool:
      return new ort.Tensor('bool', bytes, dims)
    case DATA_TYPE.uint8:
      return new ort.Tensor('uint8', bytes, dims)
    case DATA_TYPE.int8:
      return new ort.Tensor('int8', new Int8Array(buffer, byteOffset, byteLength), dims)
    default:
      throw unsupported(typeName(dataType))
  }
}
