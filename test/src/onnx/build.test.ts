import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { attributesOf, makeNode, nodeMaking, tensorProto, valueInfo } from '../../../src/onnx/build.ts'
import { GraphProtoSchema, TensorProtoSchema } from '../../../src/onnx/generated/onnx_pb.js'
import { inlineTensor } from '../../../src/onnx/inline-tensor.ts'
import { DATA_TYPE, readFloats } from '../../../src/onnx/tensor.ts'

const form = { dataType: DATA_TYPE.float, dims: [2] }

describe('messages of a graph', () => {
  it('have attributes of the types that onnx.proto numbers', () => {
    const tensor = tensorProto(form, Float32Array.of(1, 2))
    const graph = create(GraphProtoSchema, { name: 'inner' })
    const given = { i: 3, big: 4n, ints: [5, 6n], s: 'word', f: { float: 0.5 }, floats: { floats: [1, 2] } }
    const attributes = attributesOf({ ...given, t: { tensor }, g: { graph } })
    assert.deepEqual(
      attributes.map(({ name, type }) => [name, type]),
      Object.entries({ i: 2, big: 2, ints: 7, s: 3, f: 1, floats: 6, t: 4, g: 5 }),
    )
    const [i, big, ints, s, f, floats, t, g] = attributes
    assert.deepEqual([i.i, big.i, ints.ints, f.f, floats.floats], [3n, 4n, [5n, 6n], 0.5, [1, 2]])
    assert.deepEqual([Buffer.from(s.s).toString(), t.t, g.g], ['word', tensor, graph])
  })

  it('hold the part of a buffer that they are handed, and no name where none is given', () => {
    const tensor = tensorProto(form, Float32Array.of(1, 2, 3, 4).subarray(1, 3))
    const again = fromBinary(TensorProtoSchema, toBinary(TensorProtoSchema, tensor))
    assert.deepEqual(readFloats(inlineTensor(again)), Float32Array.of(2, 3))
    assert.equal(Object.hasOwn(again, 'name'), false)
  })

  it('name a node after its output', () => {
    const attribute = attributesOf({ axis: -1 })
    assert.deepEqual(
      nodeMaking('y', 'Softmax', ['x'], { axis: -1 }),
      makeNode('Softmax', ['x'], ['y'], { name: 'y', attribute }),
    )
  })

  it('leave a type that is not given to ONNX Runtime, and sizes that are null to the run', () => {
    assert.equal(valueInfo('x').type, undefined)
    const [batch, width] = valueInfo('x', { ...form, dims: [null, 8] }).type?.tensorType?.shape?.dim ?? []
    assert.deepEqual(
      [batch.value, width.value],
      [
        { case: 'dimParam', value: 'x_0' },
        { case: 'dimValue', value: 8n },
      ],
    )
  })
})
