import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { expectedRun, writeModel } from '../../../src/model/write/write.ts'
import { type GraphProto, SparseTensorProtoSchema, type TensorProto } from '../../../src/onnx/generated/onnx_pb.js'
import { readOnnx } from '../../../src/onnx/read.ts'
import { DATA_TYPE, readFloats, readTransposed } from '../../../src/onnx/tensor.ts'
import { runPlain } from '../../../src/runtime/reference-run.ts'
import { edited } from '../../support/models/edited.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-sparse-'))
after(() => rmSync(scratch, { recursive: true }))

const IDS = Int32Array.from({ length: 24 }, (_, i) => 1 + ((i * 7) % 95))

/** Every weight of the layers without its smaller half, its places in one number or in one for each axis. */
function sparsify(graph: GraphProto, form: 'linear' | 'axes', shift = 0n): Map<string, Float32Array> {
  const weights = new Set(graph.node.filter(({ opType }) => opType === 'MatMul').map(({ input }) => input[1]))
  const dense = new Map<string, Float32Array>()
  graph.initializer = graph.initializer.filter((tensor) => {
    if (!weights.has(tensor.name)) return true
    const values = new Float32Array(Uint8Array.from(tensor.rawData).buffer).map((w) => (Math.abs(w) < 0.02 ? 0 : w))
    dense.set(tensor.name, values)
    graph.sparseInitializer.push(sparse(tensor, values, form, shift))
    return false
  })
  assert.ok(dense.size >= 4)
  return dense
}

function sparse({ name, dims }: TensorProto, dense: Float32Array, form: 'linear' | 'axes', shift: bigint) {
  const places = [...dense.keys()].filter((at) => dense[at] !== 0)
  const cols = Number(dims[1])
  const numbers = form === 'linear' ? places : places.flatMap((at) => [Math.floor(at / cols), at % cols])
  const indices = BigInt64Array.from(numbers, (at) => BigInt(at) + shift)
  return create(SparseTensorProtoSchema, {
    dims,
    values: {
      name,
      dataType: DATA_TYPE.float,
      dims: [BigInt(places.length)],
      rawData: new Uint8Array(Float32Array.from(places, (at) => dense[at]).buffer),
    },
    indices: {
      dataType: DATA_TYPE.int64,
      dims: form === 'linear' ? [BigInt(places.length)] : [BigInt(places.length), 2n],
      rawData: new Uint8Array(indices.buffer),
    },
  })
}

describe('a sparse initializer', () => {
  for (const form of ['linear', 'axes'] as const) {
    it(`is read as a dense matrix, whose logits are ONNX Runtime's, and is written as one: places ${form}`, async () => {
      let dense = new Map<string, Float32Array>()
      const dir = edited(join(scratch, form), (graph) => {
        dense = sparsify(graph, form)
      })
      const decoder = Decoder.open(dir, { threads: 1 })
      for (const [name, values] of dense) {
        const tensor = decoder.model.initializers.get(name) ?? assert.fail(name)
        assert.deepEqual(readFloats(tensor), values)
        assert.deepEqual(readFloats(tensor, 65, 130), values.slice(65, 195))
        assert.equal(readTransposed(tensor)[1], values[tensor.dims[1]])
      }
      const run = await expectedRun(decoder, () => undefined, dir, IDS)
      assert.ok(((await runPlain({ ...run, model: join(dir, 'model.onnx'), threads: 1 })) ?? 1) < 1e-5)
      const out = join(scratch, `${form}-out`)
      writeModel(decoder, () => undefined, out)
      const written = readOnnx(join(out, 'onnx/model.onnx'))
      for (const [name, values] of dense) {
        const tensor = written.initializers.get(name) ?? assert.fail(name)
        assert.equal(tensor.data.kind, 'file')
        assert.deepEqual(readFloats(tensor), values)
      }
      await decoder.close()
    })
  }

  it('is refused by its name with a place outside, and with other places than values', () => {
    const outside = edited(join(scratch, 'outside'), (graph) => void sparsify(graph, 'linear', 1n << 40n))
    const model = readOnnx(join(outside, 'model.onnx'))
    const tensor = [...model.initializers.values()].find(({ data }) => data.kind === 'sparse') ?? assert.fail()
    assert.throws(() => readFloats(tensor), { code: 'MODEL_TENSOR_SIZE', message: RegExp(tensor.name) })
    const unlike = edited(join(scratch, 'unlike'), (graph) => {
      sparsify(graph, 'axes')
      const { indices } = graph.sparseInitializer[0]
      if (indices) indices.dims = [indices.dims[0] * 2n]
    })
    assert.throws(() => readOnnx(join(unlike, 'model.onnx')), { code: 'MODEL_GRAPH', message: /the sparse tensor "/ })
  })
})
