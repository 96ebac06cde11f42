import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import type { BlockWeights } from '../../../../src/form/block-weights.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { compareWritten, expectedRun, writeModel } from '../../../../src/model/write/write.ts'
import { zerosOf } from '../../../../src/model/write/zeros.ts'
import { makeNode } from '../../../../src/onnx/build.ts'
import { AttributeProtoSchema, type GraphProto } from '../../../../src/onnx/generated/onnx_pb.js'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { DATA_TYPE, readFloats, type TensorRef, tensorBytes } from '../../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../../src/onnx/write.ts'
import { runPlain } from '../../../../src/runtime/reference-run.ts'
import { describeStructures } from '../../../../src/structure/choose/describe.ts'
import {
  FOLLOWED,
  hiding,
  NAMED,
  outside,
  tensorValue,
  type Way,
  withoutInitializers,
} from '../../../support/models/hidden-matrices.ts'
import { MERGED, mergeDecoder } from '../../../support/models/merged.ts'
import { fixturePath } from '../../../support/shared.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-hidden-'))
after(() => rmSync(scratch, { recursive: true }))

const BASE = Decoder.open(fixturePath('stories260k'), { threads: 1 })
after(() => BASE.close())
/** Matrices in the blocks of stories260k, and what they have together. */
const [MATRICES, WEIGHTS] = [35, 226_560]
const BLOCK = 1
const DOWN = 'layers.1/mlp/down_proj'
const IDS = Int32Array.from({ length: 48 }, (_, i) => (i * 31) % 96)
/** The most that ways through the same arithmetic may differ, as a share of the largest logit. */
const LOGIT_SHARE = 1e-3

const countOf = ({ layers, unpruned }: Decoder) =>
  layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0) + unpruned.reduce((sum, { weights }) => sum + weights, 0)

/** Every other weight of every layer zeroed. */
const halved =
  (decoder: Decoder) =>
  (block: number): BlockWeights =>
    decoder.baseWeights(block).map((weight) => weight.map((w, i) => (i % 2 === 0 ? 0 : w)))

type InBranch = (graph: GraphProto, tensors: Map<string, TensorRef>, tensor: TensorRef) => void

/** Instead of an initializer of a branch. */
const constantOf: InBranch = (graph, tensors, { name, dims, dataType, ...tensor }) => {
  const value = tensorValue(dataType, dims, tensorBytes({ name, dims, dataType, ...tensor }))
  graph.node.unshift(makeNode('Constant', [], [name], { name, attribute: value }))
  tensors.delete(name)
}
const doubledHalf: InBranch = (graph, tensors, { name, dims, dataType, ...tensor }) => {
  if (dims.length < 2 || dataType !== DATA_TYPE.float) return
  const bytes = new Uint8Array(readFloats({ name, dims, dataType, ...tensor }).map((w) => w / 2).buffer)
  const two = new Uint8Array(Float32Array.of(2).buffer)
  const half = { name: `${name}/half`, dims, dataType, data: { kind: 'memory', bytes } } as const
  tensors.set(half.name, half)
  tensors.set(`${name}/two`, { name: `${name}/two`, dims: [], dataType, data: { kind: 'memory', bytes: two } })
  graph.node.unshift(makeNode('Mul', [half.name, `${name}/two`], [name], { name }))
  tensors.delete(name)
}

/** Writes a model with half of its weights, runs it in plain ONNX Runtime, and gives it as it was written. */
async function written(decoder: Decoder, name: string): Promise<Decoder> {
  const out = join(scratch, `${name} written`)
  writeModel(decoder, halved(decoder), out)
  const run = { ...(await expectedRun(decoder, halved(decoder), out, IDS)), threads: 1 }
  const share = (await runPlain(run)) ?? Number.NaN
  assert.ok(share < LOGIT_SHARE, `${share}`)
  assert.equal(compareWritten(decoder, halved(decoder), out).difference, null)
  return Decoder.open(out, { threads: 1 })
}

describe('a matrix that reaches its product otherwise is a layer', () => {
  for (const [name, way] of Object.entries(FOLLOWED)) {
    it(name, async () => {
      const decoder = Decoder.open(hiding(join(scratch, name), { [DOWN]: way }), { threads: 1 })
      assert.deepEqual([decoder.layers.length, decoder.unpruned.length, countOf(decoder)], [MATRICES, 0, WEIGHTS])
      assert.equal(decoder.parameters, BASE.parameters)
      const weights = decoder.baseWeights(BLOCK)
      const expected = BASE.baseWeights(BLOCK)
      if (name.includes('fp16')) for (const weight of expected) weight.set(Float16Array.from(weight))
      const most = Math.max(...expected[6].map(Math.abs))
      if (name.includes('whole'))
        for (const [i, w] of weights[6].entries()) assert.ok(Math.abs(w - expected[6][i]) < most / 127)
      else assert.deepEqual(weights[6], expected[6])
      const pruned = await written(decoder, name)
      assert.deepEqual(pruned.baseWeights(BLOCK), halved(decoder)(BLOCK))
      await Promise.all([decoder.close(), pruned.close()])
    })
  }

  it('where every weight of the file is a Constant node, the embedding and norms too', async () => {
    const decoder = Decoder.open(withoutInitializers(join(scratch, 'all')), { threads: 1 })
    assert.deepEqual(
      [decoder.layers.length, decoder.parameters, countOf(decoder)],
      [MATRICES, BASE.parameters, WEIGHTS],
    )
    assert.deepEqual(decoder.baseWeights(0), BASE.baseWeights(0))
    const pruned = await written(decoder, 'all')
    await Promise.all([decoder.close(), pruned.close()])
  })

  it('where a Constant node of two products is two layers, and each is written apart', async () => {
    let constant: string | undefined
    const shared: Way = (m) => {
      constant ??= m.constant('c', tensorValue(DATA_TYPE.float, m.weight.dims, m.values))
      m.reads(constant)
    }
    const ways = { 'layers.1/self_attn/k_proj': shared, 'layers.1/self_attn/v_proj': shared }
    const decoder = Decoder.open(hiding(join(scratch, 'shared'), ways), { threads: 1 })
    assert.deepEqual([decoder.layers.length, decoder.unpruned.length], [MATRICES, 0])
    const weights = decoder.baseWeights(BLOCK)
    assert.deepEqual(weights[1], weights[2])
    const out = join(scratch, 'shared written')
    const changed = (block: number) => decoder.baseWeights(block).map((weight, role) => weight.map((w) => w * role))
    writeModel(decoder, changed, out)
    assert.deepEqual(Decoder.open(out).baseWeights(BLOCK), changed(BLOCK))
    await decoder.close()
  })

  for (const [name, way] of [
    ['Constant nodes', constantOf],
    ['a Mul of each half', doubledHalf],
  ] as const) {
    it(`where both branches of an If hold it by ${name}, and is pruned in both`, async () => {
      const merged = mergeDecoder(fixturePath('decoders/gpt2/optimum-past'), join(scratch, name), 'own')
      const file = join(merged, MERGED)
      const model = readOnnx(file)
      for (const [graph, tensors] of model.subgraphs)
        for (const tensor of [...tensors.values()]) way(graph, tensors, tensor)
      writeOnnx(model, file, null)
      const decoder = Decoder.open(merged, { threads: 1 })
      assert.deepEqual([decoder.layers.length, decoder.unpruned.length], [8, 0])
      for (const stored of decoder.storedTensors.values()) assert.equal(stored.length, 2)
      const pruned = await written(decoder, name)
      assert.deepEqual(pruned.baseWeights(1), halved(decoder)(1))
      const other = pruned.otherBranch()
      assert.deepEqual(other?.baseWeights(1), halved(decoder)(1))
      await Promise.all([decoder.close(), pruned.close(), other?.close()])
    })
  }

  it('where the tensor of a Constant node lies in a file beside the graph', async () => {
    const dir = hiding(join(scratch, 'outside'), {
      [DOWN]: (m) => {
        const value = tensorValue(DATA_TYPE.float, m.weight.dims, m.values)
        m.reads(m.constant('c', outside(value, 'model.data')))
      },
    })
    const { weight } = BASE.cut.blocks[BLOCK].layers[6]
    writeFileSync(join(dir, 'model.data'), tensorBytes(weight))
    const decoder = Decoder.open(dir, { threads: 1 })
    assert.equal(decoder.files.length, 2)
    assert.deepEqual(decoder.baseWeights(BLOCK)[6], BASE.baseWeights(BLOCK)[6])
    const pruned = await written(decoder, 'outside')
    await Promise.all([decoder.close(), pruned.close()])
  })
})

describe('a matrix that is no layer is named with its reason, and counted', () => {
  for (const [name, { way, reason, weights = 172 * 64 }] of Object.entries(NAMED)) {
    it(name, async () => {
      const decoder = Decoder.open(hiding(join(scratch, name), { [DOWN]: way }), { threads: 1 })
      assert.equal(decoder.layers.length, MATRICES - 1)
      assert.equal(decoder.unpruned.length, 1)
      const [unpruned] = decoder.unpruned
      assert.deepEqual([unpruned.block, unpruned.weights], [BLOCK, weights])
      assert.match(unpruned.reason, reason)
      assert.equal(countOf(decoder), WEIGHTS - 172 * 64 + weights)
      const pruned = await written(decoder, name)
      const zeros = zerosOf(pruned)
      assert.equal(
        zeros.layers.reduce((sum, count) => sum + count, 0),
        (WEIGHTS - 172 * 64) / 2,
      )
      assert.deepEqual(zeros.unpruned, zerosOf(decoder).unpruned)
      const structures = (await describeStructures(decoder, 'kv')).filter(({ block }) => block === BLOCK)
      assert.ok(structures.some(({ locked }) => locked !== null))
      await Promise.all([decoder.close(), pruned.close()])
    })
  }

  it('a last block whose feed-forward part has no layer at all is still a part of the block', async () => {
    const ways = Object.fromEntries(
      ['gate', 'up', 'down'].map((part) => [`layers.4/mlp/${part}_proj`, NAMED['Einsum'].way]),
    )
    const decoder = Decoder.open(hiding(join(scratch, 'last'), ways), { threads: 1 })
    assert.deepEqual([decoder.layers.length, countOf(decoder)], [MATRICES - 3, WEIGHTS])
    assert.deepEqual(
      decoder.unpruned.map(({ name, block }) => [name, block]),
      ['gate', 'up', 'down'].map((part) => [`model.layers.4.mlp.${part}_proj`, 4]),
    )
    await decoder.close()
  })

  it('nothing is, in a model as exporters write it', () => {
    for (const name of ['gpt2/optimum-past', 'opt/optimum-past', 'llama-gqa-tied/dynamo', 'llama-gqa-tied/genai-fp16'])
      assert.deepEqual(Decoder.open(fixturePath(`decoders/${name}`)).unpruned, [], name)
    assert.deepEqual(BASE.unpruned, [])
  })
})

it('a Constant node with a sparse tensor is refused by its name', () => {
  const dir = hiding(join(scratch, 'sparse'), {
    [DOWN]: (m) => {
      const sparse = create(AttributeProtoSchema, { name: 'sparse_value', type: 11 })
      sparse.$unknown = [{ no: 22, wireType: 2, data: Uint8Array.of(0) }] // sparse_tensor, of no length
      m.reads(m.constant('c', [sparse]))
    },
  })
  assert.throws(() => Decoder.open(dir), { name: 'InputError', code: 'MODEL_FIELD', message: /sparse_tensor/ })
})
