import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { tensorProto, valueInfo } from '../../../../src/onnx/build.ts'
import { GraphProtoSchema, ModelProtoSchema, ValueInfoProtoSchema } from '../../../../src/onnx/generated/onnx_pb.js'
import { lower } from '../../../../src/onnx/lower/lower.ts'
import type { OnnxModel } from '../../../../src/onnx/model.ts'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { DATA_TYPE, tensorBytes } from '../../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../../src/onnx/write.ts'
import { InferenceSession, Tensor } from '../../../../src/runtime/onnx-runtime.ts'
import { GraphBuilder } from '../../../support/models/graphs.ts'
import { Random } from '../../../support/random.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-lower-'))
after(() => rmSync(scratch, { recursive: true }))

/** Writes and reads a graph; its output is `logits`. */
function model(name: string, graph: GraphBuilder, output: string): OnnxModel {
  return readOnnx(join(graph.save(join(scratch, name), output), 'model.onnx'))
}

/** The `logits` of a graph in ONNX Runtime. */
async function run({ graph, proto, initializers }: OnnxModel, feeds: Record<string, Tensor>): Promise<number[]> {
  const initializer = [...initializers.values()].map((tensor) => tensorProto(tensor, tensorBytes(tensor)))
  const { node, input, output } = graph
  const whole = create(ModelProtoSchema, {
    irVersion: proto.irVersion,
    opsetImport: proto.opsetImport,
    graph: { name: 'lowered', node, input, output, initializer },
  })
  const session = await InferenceSession.create(toBinary(ModelProtoSchema, whole), { logSeverityLevel: 3 })
  const { logits } = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]])))
  await session.release()
  return Array.from(logits.data as Float32Array)
}

function random(seed: number, dims: number[], scale = 1): Tensor {
  const count = dims.reduce((product, size) => product * size, 1)
  const values = new Random(seed).normals(count).map((value) => value * scale)
  return new Tensor('float32', values, dims)
}

function assertClose(actual: number[], expected: number[], tolerance: number): void {
  assert.equal(actual.length, expected.length)
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(actual[i] - value) <= tolerance, `element ${i}: ${actual[i]}, not ${value}`)
  }
}

describe('lowering a graph', () => {
  for (const [name, parameters] of [
    ['SkipLayerNormalization', ['gamma', 'beta', 'bias']],
    ['SkipLayerNormalization', ['gamma', 'beta']],
    ['SkipLayerNormalization', ['gamma']],
    ['SkipSimplifiedLayerNormalization', ['gamma', 'bias']],
    ['SkipSimplifiedLayerNormalization', ['gamma']],
  ] as const) {
    it(`splits ${name}(${parameters}) and keeps what it computes`, async () => {
      const graph = new GraphBuilder(3)
      const inputs = ['x', 'skip'].map((input) => graph.feed(input, DATA_TYPE.float, [null, null, 8]))
      const weights = parameters.map((parameter) => graph.weight(parameter, [8]))
      const y = graph.op(`com.microsoft:${name}`, [...inputs, ...weights])
      const sum = graph.also(y, 3)
      const file = model(`${name}-${parameters.length}`, graph, graph.op('Concat', [y, sum], { axis: -1n }))
      const lowered = lower(file).model
      assert.ok(lowered.graph.node.every(({ domain }) => domain === ''))
      const feeds = { x: random(1, [2, 3, 8], 1e-3), skip: random(2, [2, 3, 8], 1e-3) } // so small that epsilon shows
      assertClose(await run(lowered, feeds), await run(file, feeds), 1e-6)
    })
  }

  it('widens initializers, constants, casts, inputs and outputs', async () => {
    const graph = new GraphBuilder(5)
    const x = graph.feed('x', DATA_TYPE.float16, [null, 4])
    graph.tensor('w', DATA_TYPE.float16, [4, 4], Float16Array.from(new Random(1).normals(16)))
    const product = graph.op('MatMul', [x, 'w'])
    const back = graph.op('Cast', [graph.op('Cast', [product], { to: 1n })], { to: 10n })
    const file = model('fp16', graph, graph.op('Add', [back, product]))
    file.graph.output[0] = create(
      ValueInfoProtoSchema,
      valueInfo('logits', { dataType: DATA_TYPE.float16, dims: [null, 4] }),
    )
    const { model: lowered, stored } = lower(file)
    const values = new Random(2).normals(8)
    const w = new Float32Array(tensorBytes(lowered.initializers.get('w') ?? assert.fail()).buffer)
    const expected = Array.from({ length: 8 }, (_, i) => {
      const row = Math.floor(i / 4)
      return 2 * [0, 1, 2, 3].reduce((sum, k) => sum + values[row * 4 + k] * w[k * 4 + (i % 4)], 0)
    })
    assertClose(await run(lowered, { x: new Tensor('float32', values, [2, 4]) }), expected, 1e-5)
    assert.equal(stored.get('w'), file.initializers.get('w'))
    assert.equal(file.initializers.get('w')?.dataType, DATA_TYPE.float16)
  })

  it('spreads one rotary table over the windows of a batch', async () => {
    const graph = new GraphBuilder(6)
    const inputs = ['x', 'cos', 'sin'].map((name) =>
      graph.feed(name, DATA_TYPE.float, [null, null, null, null].slice(name === 'x' ? 0 : 1)),
    )
    const file = model('rotary', graph, graph.op('RotaryEmbedding', inputs))
    for (const { domain, version } of file.proto.opsetImport) if (domain === '') assert.ok(version >= 13n)
    file.proto.opsetImport = [{ ...file.proto.opsetImport[0], version: 23n }]
    const lowered = lower(file).model
    const [x, cos, sin] = [random(1, [2, 3, 5, 8]), random(2, [1, 5, 4]), random(3, [1, 5, 4])]
    const both = await run(lowered, { x, cos, sin })
    const alone = await Promise.all(
      [0, 1].map((k) =>
        run(file, {
          x: new Tensor('float32', (x.data as Float32Array).slice(k * 120, k * 120 + 120), [1, 3, 5, 8]),
          cos,
          sin,
        }),
      ),
    )
    assertClose(both, alone.flat(), 1e-6)
  })

  it('takes the branch of an If that begins a text', async () => {
    const graph = new GraphBuilder(8)
    const x = graph.feed('x', DATA_TYPE.float, [null])
    const use = graph.feed('use_cache_branch', DATA_TYPE.bool, [1])
    const outer = graph.op('Neg', [x]) // "/Neg_0/output_0"
    const branch = (operator: string) => {
      const inside = new GraphBuilder(9)
      const result = inside.op('Exp', [inside.op(operator, [outer])])
      return { node: inside.node, result }
    }
    const [then, otherwise] = [branch('Abs'), branch('Floor')] // both make "/Exp_1/output_0"
    const graphs = [then, otherwise].map(({ node, result }) =>
      create(GraphProtoSchema, { name: 'branch', node, output: [valueInfo(result)] }),
    )
    const chosen = graph.op('If', [graph.op('Not', [graph.op('Not', [use])])], {
      then_branch: { graph: graphs[0] },
      else_branch: { graph: graphs[1] },
    })
    const file = model('if', graph, graph.op('Add', [chosen, outer]))
    const feeds = { x: random(1, [3]), use_cache_branch: new Tensor('bool', [false], [1]) }
    const lowered = lower(file).model
    assert.ok(lowered.graph.node.every(({ opType }) => opType !== 'If'))
    assert.deepEqual(await run(lowered, feeds), await runFile('if', feeds))
  })

  it('puts nodes in order, and refuses a circle', async () => {
    const graph = new GraphBuilder(13)
    const x = graph.feed('x', DATA_TYPE.float, [null])
    const file = model('unordered', graph, graph.op('Exp', [graph.op('Neg', [graph.op('Abs', [x])])]))
    const inOrder = lower(file).model.graph.node.map(({ opType }) => opType)
    file.graph.node.reverse()
    const lowered = lower(file).model
    assert.deepEqual(
      lowered.graph.node.map(({ opType }) => opType),
      inOrder,
    )
    assert.deepEqual(await run(lowered, { x: random(1, [3]) }), await runFile('unordered', { x: random(1, [3]) }))
    file.graph.node[0].output[0] = file.graph.node[2].input[0]
    file.graph.node[3].input[0] = file.graph.node[0].output[0]
    assert.throws(() => lower(file), { code: 'MODEL_UNREADABLE', message: /waits for its own output/ })
  })

  it('refuses an If that chooses by something else', () => {
    const graph = new GraphBuilder(10)
    const x = graph.feed('x', DATA_TYPE.float, [])
    const empty = create(GraphProtoSchema, { name: 'branch', output: [valueInfo(x)] })
    const condition = graph.op('IsNaN', [x])
    const file = model(
      'odd',
      graph,
      graph.op('If', [condition], { then_branch: { graph: empty }, else_branch: { graph: empty } }),
    )
    assert.throws(() => lower(file), { code: 'MODEL_BRANCHES', message: /IsNaN/ })
  })
})

describe('a file with branches', () => {
  it('is written as it was read, weights of its branches too', () => {
    const graph = new GraphBuilder(12)
    const use = graph.feed('use_cache_branch', DATA_TYPE.bool, [1])
    const branch = (seed: number) => {
      const inside = new GraphBuilder(seed)
      const result = inside.op('Neg', [inside.weight('large', [32, 32])])
      const output = [valueInfo(result)]
      return create(GraphProtoSchema, { name: 'branch', node: inside.node, initializer: inside.initializer, output })
    }
    const file = model(
      'own',
      graph,
      graph.op('If', [use], { then_branch: { graph: branch(1) }, else_branch: { graph: branch(2) } }),
    )
    const weights = ({ subgraphs }: OnnxModel) =>
      [...subgraphs.values()].map((own) => tensorBytes(own.get('large') ?? assert.fail()))
    assert.deepEqual(
      [...file.subgraphs.values()].map((own) => own.get('large')?.data.kind),
      ['file', 'file'],
    )
    for (const externalFile of [null, 'weights.bin']) {
      const path = join(scratch, 'own', `copy-${externalFile}.onnx`)
      writeOnnx(file, path, externalFile)
      assert.deepEqual(weights(readOnnx(path)), weights(file), `${externalFile}`)
      assert.deepEqual(readOnnx(path).externalFiles, externalFile === null ? [] : [externalFile])
    }
  })
})

async function runFile(name: string, feeds: Record<string, Tensor>): Promise<number[]> {
  const session = await InferenceSession.create(join(scratch, name, 'model.onnx'), { logSeverityLevel: 3 })
  const { logits } = await session.run(feeds)
  await session.release()
  return Array.from(logits.data as Float32Array)
}
