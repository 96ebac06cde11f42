import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DATA_TYPE } from '../../../src/onnx/tensor.ts'
import { dataTypeOf, tensorOfBytes } from '../../../src/runtime/session.ts'

describe('a tensor over raw bytes', () => {
  it('has the element type that was asked for', () => {
    for (const [name, type, bytes] of [
      ['float32', DATA_TYPE.float, 4],
      ['float16', DATA_TYPE.float16, 2],
      ['float64', DATA_TYPE.double, 8],
      ['int64', DATA_TYPE.int64, 8],
      ['int32', DATA_TYPE.int32, 4],
      ['int8', DATA_TYPE.int8, 1],
      ['uint8', DATA_TYPE.uint8, 1],
      ['bool', DATA_TYPE.bool, 1],
    ] as const) {
      const tensor = tensorOfBytes(type, new Uint8Array(6 * bytes), [2, 3])
      assert.deepEqual([tensor.type, tensor.dims, tensor.data.length], [name, [2, 3], 6], name)
      assert.equal(dataTypeOf(tensor.type), type, name)
    }
  })

  it('is refused by the name of a type that ONNX Runtime does not take', () => {
    assert.throws(() => tensorOfBytes(DATA_TYPE.bfloat16, new Uint8Array(12), [2, 3]), {
      code: 'TENSOR_TYPE',
      message: /element type bfloat16/,
    })
    assert.throws(() => dataTypeOf('uint16'), { code: 'TENSOR_TYPE', message: /element type uint16/ })
  })
})
