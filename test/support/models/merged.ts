/** A decoder with a past as Optimum's merged form: an If on use_cache_branch with the whole model in both branches. */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { attributesOf, makeNode, tensorProto, valueInfo } from '../../../src/onnx/build.ts'
import { type GraphProto, GraphProtoSchema, type NodeProto } from '../../../src/onnx/generated/onnx_pb.js'
import { like } from '../../../src/onnx/graph.ts'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { readOnnx } from '../../../src/onnx/read.ts'
import { DATA_TYPE } from '../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../src/onnx/write.ts'

/** Where a merged graph lies in its model directory, in the repositories of onnx-community. */
export const MERGED = 'onnx/decoder_model_merged.onnx'

/**
 * Writes to `dir` the merged form of the model directory `from`, whose inputs are a past among others. The branch that
 * begins a text makes an empty past of its own.
 * @param weights - `outer`: both branches read the weights of the graph around them; `own`: each holds a copy
 */
export function mergeDecoder(from: string, dir: string, weights: 'outer' | 'own'): string {
  const base = readOnnx(join(from, 'model.onnx'))
  const { graph } = base
  const output = graph.output.filter(({ name }) => name === 'logits')
  const withPast = create(GraphProtoSchema, { name: 'with_past', node: graph.node, output })
  const past = graph.input.filter(({ name }) => name.startsWith('past'))
  const noPast = create(GraphProtoSchema, {
    name: 'no_past',
    node: [
      ...past.flatMap(emptyPast),
      ...graph.node.map((node) => renamed(node, new Set(past.map(({ name }) => name)))),
    ],
    output,
  })
  const branches = { then_branch: { graph: withPast }, else_branch: { graph: noPast } }
  const choice = makeNode('If', ['use_cache_branch'], ['logits'], {
    name: 'optimum::if',
    attribute: attributesOf(branches),
  })
  const model: OnnxModel = {
    ...base,
    graph: create(GraphProtoSchema, {
      name: 'merged',
      node: [choice],
      input: [...graph.input, valueInfo('use_cache_branch', { dataType: DATA_TYPE.bool, dims: [1] })],
      output: graph.output.filter(({ name }) => name === 'logits'),
    }),
    initializers: weights === 'outer' ? base.initializers : new Map(),
    subgraphs: new Map(weights === 'outer' ? [] : [withPast, noPast].map((each) => [each, new Map(base.initializers)])),
  }
  mkdirSync(join(dir, 'onnx'), { recursive: true })
  writeOnnx(model, join(dir, MERGED), null)
  for (const name of ['config.json', 'tokenizer.json']) cpSync(join(from, name), join(dir, name))
  return dir
}

const emptied = (name: string) => `${name}/empty`

/** [batch, key/value heads, 0, head size] from the shape of input_ids. */
function emptyPast({ name, type }: GraphProto['input'][number]): NodeProto[] {
  const dims = (type?.tensorType?.shape?.dim ?? []).map(({ value }) => (value.case === 'dimValue' ? value.value : 0n))
  const rest = tensorProto({ dims: [3], dataType: DATA_TYPE.int64 }, BigInt64Array.of(dims[1], 0n, dims[3]))
  return [
    makeNode('Shape', ['input_ids'], [`${name}/batch`], { attribute: attributesOf({ start: 0, end: 1 }) }),
    makeNode('Constant', [], [`${name}/rest`], { attribute: attributesOf({ value: { tensor: rest } }) }),
    makeNode('Concat', [`${name}/batch`, `${name}/rest`], [`${name}/dims`], { attribute: attributesOf({ axis: 0 }) }),
    makeNode('ConstantOfShape', [`${name}/dims`], [emptied(name)]),
  ]
}

function renamed(node: NodeProto, past: ReadonlySet<string>): NodeProto {
  return like(node, { input: node.input.map((name) => (past.has(name) ? emptied(name) : name)) })
}
