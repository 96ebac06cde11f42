/** Small decoders written node by node, in forms that exporters give them and the fixtures do not have. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { type Attributes, attributesOf, makeNode, nodeMaking, tensorProto, valueInfo } from '../../../src/onnx/build.ts'
import {
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../../src/onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../../src/onnx/tensor.ts'
import { Random } from '../random.ts'
import { fixturePath } from '../shared.ts'

export const SIZE = { vocabulary: 96, hidden: 64, heads: 4, headSize: 16, feedForward: 96, positions: 64, blocks: 2 }
const OPSET = 21

/** Collects nodes; every method gives the name of the value that it makes. */
export class GraphBuilder {
  readonly node: NodeProto[] = []
  readonly initializer: TensorProto[] = []
  readonly input: ValueInfoProto[] = []
  private readonly random: Random
  /** The element type in which weights are stored; a Cast to float32 follows those in fp16. */
  private readonly stored: 'float' | 'float16'

  constructor(seed: number, stored: 'float' | 'float16' = 'float') {
    this.random = new Random(seed)
    this.stored = stored
  }

  feed(name: string, dataType: number, dims: (number | null)[]): string {
    this.input.push(valueInfo(name, { dataType, dims }))
    return name
  }

  op(opType: string, input: string[], attributes: Attributes = {}, outputs = 1): string {
    const [domain, plain] = opType.includes(':') ? opType.split(':') : ['', opType]
    const name = `/${plain}_${this.node.length}`
    const output = Array.from({ length: outputs }, (_, k) => `${name}/output_${k}`)
    this.node.push(makeNode(plain, input, output, { domain, name, attribute: attributesOf(attributes) }))
    return output[0]
  }

  /** A further output of the node that made this value; makes the ones before it, unnamed, if they are missing. */
  also(value: string, k: number): string {
    const node = this.node.find(({ output }) => output[0] === value)
    if (node === undefined) throw new Error(`nothing makes ${value}`)
    while (node.output.length <= k) node.output.push('')
    node.output[k] = `${node.name}/output_${k}`
    return node.output[k]
  }

  integers(name: string, values: number[], dims = [values.length]): string {
    this.tensor(name, DATA_TYPE.int64, dims, BigInt64Array.from(values, BigInt))
    return name
  }

  floats(name: string, values: ArrayLike<number>, dims: number[]): string {
    this.tensor(name, DATA_TYPE.float, dims, Float32Array.from(values))
    return name
  }

  /** Random weights; in fp16 where the builder says so. */
  weight(name: string, dims: number[]): string {
    const count = dims.reduce((product, size) => product * size, 1)
    const values = this.random.normals(count).map((value) => value * (dims.length > 1 ? 0.3 : 0.5))
    if (this.stored === 'float') return this.floats(name, values, dims)
    this.tensor(name, DATA_TYPE.float16, dims, Float16Array.from(values))
    return this.op('Cast', [name], { to: 1 })
  }

  tensor(name: string, dataType: number, dims: number[], content: ArrayBufferView<ArrayBuffer>): void {
    this.initializer.push(tensorProto({ name, dataType, dims }, content))
  }

  /** A model directory whose graph gives `logits`. */
  save(dir: string, logits: string, config: Record<string, unknown> = {}, opset = OPSET): string {
    this.node.push(nodeMaking('logits', 'Identity', [logits]))
    const output = [valueInfo('logits', { dataType: DATA_TYPE.float, dims: [null, null, SIZE.vocabulary] })]
    const { node, initializer, input } = this
    const model = create(ModelProtoSchema, {
      irVersion: 10n,
      opsetImport: [
        { domain: '', version: BigInt(opset) },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph: { name: 'decoder', node, initializer, input, output },
    })
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'model.onnx'), toBinary(ModelProtoSchema, model))
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ vocab_size: SIZE.vocabulary, ...config }))
    cpSync(join(fixturePath('decoders/opt/optimum-past'), 'tokenizer.json'), join(dir, 'tokenizer.json'))
    return dir
  }
}

/** Cosines and sines of a rotary embedding, [positions, headSize / 2] each. */
function rotaryCaches(graph: GraphBuilder): [cos: string, sin: string] {
  const half = SIZE.headSize / 2
  const angles = Float32Array.from({ length: SIZE.positions * half }, (_, i) => {
    return Math.floor(i / half) * 10_000 ** (-(i % half) / half)
  })
  const dims = [SIZE.positions, half]
  return [graph.floats('cos_cache', angles.map(Math.cos), dims), graph.floats('sin_cache', angles.map(Math.sin), dims)]
}

/**
 * As onnx-community publishes them: GroupQueryAttention with rotary embedding inside, norms of queries and keys, past
 * and position ids, cos and sin caches that all blocks share, one tied embedding.
 * @param slidingWindow - positions that a token sees; the past is then a ring of so many
 */
export function groupQueryDecoder(dir: string, stored: 'float' | 'float16', slidingWindow?: number): string {
  const graph = new GraphBuilder(7, stored)
  const { hidden, headSize, heads, blocks, vocabulary, feedForward } = SIZE
  const pairs = 2
  const ids = graph.feed('input_ids', DATA_TYPE.int64, [null, null])
  const mask = graph.feed('attention_mask', DATA_TYPE.int64, [null, null])
  const positions = graph.feed('position_ids', DATA_TYPE.int64, [null, null])
  const past = Array.from({ length: blocks }, (_, block) =>
    ['key', 'value'].map((kind) =>
      graph.feed(`past_key_values.${block}.${kind}`, DATA_TYPE.float, [null, pairs, null, headSize]),
    ),
  )
  const ring: Attributes = slidingWindow ? { local_window_size: slidingWindow, sliding_window_cache: 1 } : {}
  const [cos, sin] = rotaryCaches(graph)
  const table = graph.weight('model.embed_tokens.weight', [vocabulary, hidden])
  const tokens = graph.op('ReduceSum', [mask, graph.integers('axis_1', [1])], { keepdims: 0 })
  const last = graph.op('Cast', [graph.op('Sub', [tokens, graph.integers('one', [1])])], { to: 6 })
  const total = graph.op('Gather', [graph.op('Shape', [mask]), graph.integers('second', [1], [])], { axis: 0 })
  const length = graph.op('Cast', [total], { to: 6 })
  const headwise = (value: string, count: number, name: string) => {
    const split = graph.op('Reshape', [value, graph.integers(`${name}_split`, [0, 0, count, headSize])])
    const scale = graph.weight(`${name}_norm.weight`, [headSize])
    const normed = graph.op('SimplifiedLayerNormalization', [split, scale], {
      axis: -1,
      epsilon: { float: 1e-6 },
      stash_type: 1,
    })
    return graph.op('Reshape', [normed, graph.integers(`${name}_merge`, [0, 0, count * headSize])])
  }
  let stream = graph.op('Gather', [table, ids])
  let normed = graph.op('SimplifiedLayerNormalization', [stream, graph.weight('norm', [hidden])], {
    epsilon: { float: 1e-6 },
  })
  for (let block = 0; block < blocks; block++) {
    const name = (part: string) => `model.layers.${block}.${part}`
    const project = (input: string, part: string, cols: number, rows: number) =>
      graph.op('MatMul', [input, graph.weight(name(part), [cols, rows])])
    const q = headwise(project(normed, 'q', hidden, heads * headSize), heads, name('q'))
    const k = headwise(project(normed, 'k', hidden, pairs * headSize), pairs, name('k'))
    const v = project(normed, 'v', hidden, pairs * headSize)
    const attended = graph.op(
      'com.microsoft:GroupQueryAttention',
      [q, k, v, ...past[block], last, length, cos, sin, positions],
      { num_heads: heads, kv_num_heads: pairs, do_rotary: 1, ...ring },
      3,
    )
    const skip = (value: string, part: string) => {
      const scale = graph.weight(name(part), [hidden])
      const y = graph.op('com.microsoft:SkipSimplifiedLayerNormalization', [stream, value, scale], {
        epsilon: { float: 1e-6 },
      })
      stream = graph.also(y, 3)
      return y
    }
    const inner = skip(project(attended, 'o', heads * headSize, hidden), 'norm2')
    const gate = project(inner, 'gate', hidden, feedForward)
    const gated = graph.op('Mul', [
      graph.op('com.microsoft:QuickGelu', [gate], { alpha: { float: 1 } }),
      project(inner, 'up', hidden, feedForward),
    ])
    normed = skip(project(gated, 'down', feedForward, hidden), 'norm3')
  }
  const logits = graph.op('MatMul', [normed, graph.op('Transpose', [table])])
  return graph.save(dir, logits, { num_attention_heads: heads, num_key_value_heads: pairs, hidden_size: hidden })
}

/**
 * As ONNX Runtime's optimizer leaves older models: MultiHeadAttention with a packed bias and an empty past,
 * RotaryEmbedding of its own, SkipLayerNormalization with the bias of the layer before it, fused Gelus.
 * @param biased - whether attention adds a bias of queries, keys and values
 */
export function multiHeadDecoder(dir: string, biased = false): string {
  const graph = new GraphBuilder(11)
  const { hidden, headSize, heads, blocks, vocabulary, feedForward } = SIZE
  const ids = graph.feed('input_ids', DATA_TYPE.int64, [null, null])
  const positions = graph.feed('position_ids', DATA_TYPE.int64, [null, null])
  const past = Array.from({ length: blocks }, (_, block) =>
    ['key', 'value'].map((kind) => graph.feed(`past_${kind}_${block}`, DATA_TYPE.float, [null, heads, null, headSize])),
  )
  const [cos, sin] = rotaryCaches(graph)
  let stream = graph.op('Gather', [graph.weight('embed', [vocabulary, hidden]), ids])
  let normed = graph.op('LayerNormalization', [
    stream,
    graph.weight('norm', [hidden]),
    graph.weight('norm_b', [hidden]),
  ])
  for (let block = 0; block < blocks; block++) {
    const name = (part: string) => `layers.${block}.${part}`
    const project = (input: string, part: string, cols: number, rows: number) =>
      graph.op('MatMul', [input, graph.weight(name(part), [cols, rows])])
    const turned = (part: string) =>
      graph.op('com.microsoft:RotaryEmbedding', [project(normed, part, hidden, hidden), positions, cos, sin])
    const bias = biased ? graph.weight(name('qkv.bias'), [3 * hidden]) : ''
    const attended = graph.op(
      'com.microsoft:MultiHeadAttention',
      [turned('q'), turned('k'), project(normed, 'v', hidden, hidden), bias, '', '', ...past[block]],
      { num_heads: heads, unidirectional: 1 },
      3,
    )
    const skip = (value: string, part: string) => {
      const parameters = ['scale', 'shift', 'bias'].map((kind) => graph.weight(name(`${part}.${kind}`), [hidden]))
      const y = graph.op('com.microsoft:SkipLayerNormalization', [value, stream, ...parameters], {
        epsilon: { float: 1e-5 },
      })
      stream = graph.also(y, 3)
      return y
    }
    const inner = skip(project(attended, 'o', hidden, hidden), 'norm2')
    const up = project(inner, 'up', hidden, feedForward)
    const bent = graph.op(block === 0 ? 'com.microsoft:BiasGelu' : 'com.microsoft:FastGelu', [
      up,
      graph.weight(name('up.bias'), [feedForward]),
    ])
    normed = skip(project(bent, 'down', feedForward, hidden), 'norm3')
  }
  const logits = graph.op('MatMul', [normed, graph.weight('head', [hidden, vocabulary])])
  return graph.save(dir, logits)
}

/**
 * As PyTorch exports from opset 23 on: Attention and RotaryEmbedding of ONNX itself, a mask of truth values, grouped
 * queries.
 * @param heads - whether they have an axis of their own, or are joined
 */
export function standardAttentionDecoder(dir: string, heads: 'apart' | 'joined'): string {
  const graph = new GraphBuilder(13)
  const { hidden, headSize, heads: count, blocks, vocabulary, feedForward } = SIZE
  const pairs = 2
  const ids = graph.feed('input_ids', DATA_TYPE.int64, [null, null])
  const positions = graph.feed('position_ids', DATA_TYPE.int64, [null, null])
  const [cos, sin] = rotaryCaches(graph)
  const [rows, columns] = [graph.integers('rows', [1]), graph.integers('columns', [2])]
  const seen = graph.op('GreaterOrEqual', [
    graph.op('Unsqueeze', [positions, columns]),
    graph.op('Unsqueeze', [positions, rows]),
  ])
  const mask = graph.op('Unsqueeze', [seen, rows]) // [batch, 1, tokens, tokens]
  let stream = graph.op('Gather', [graph.weight('embed', [vocabulary, hidden]), ids])
  const norm = (name: string) =>
    graph.op('RMSNormalization', [stream, graph.weight(name, [hidden])], { axis: -1, epsilon: { float: 1e-6 } })
  for (let block = 0; block < blocks; block++) {
    const name = (part: string) => `layers.${block}.${part}`
    const project = (input: string, part: string, cols: number, width: number) =>
      graph.op('MatMul', [input, graph.weight(name(part), [cols, width])])
    const normed = norm(name('norm1'))
    const part = (which: string, own: number) => {
      const value = project(normed, which, hidden, own * headSize)
      if (heads === 'joined') return value
      const split = graph.op('Reshape', [value, graph.integers(name(`${which}.split`), [0, 0, own, headSize])])
      return graph.op('Transpose', [split], { perm: [0, 2, 1, 3] })
    }
    const turned = (which: string, own: number) =>
      graph.op('RotaryEmbedding', [part(which, own), cos, sin, positions], { num_heads: own })
    const told: Attributes = heads === 'joined' ? { q_num_heads: count, kv_num_heads: pairs } : {}
    const attended = graph.op('Attention', [turned('q', count), turned('k', pairs), part('v', pairs), mask], told)
    const joined =
      heads === 'joined'
        ? attended
        : graph.op('Reshape', [
            graph.op('Transpose', [attended], { perm: [0, 2, 1, 3] }),
            graph.integers(name('join'), [0, 0, count * headSize]),
          ])
    stream = graph.op('Add', [stream, project(joined, 'o', count * headSize, hidden)])
    const inner = norm(name('norm2'))
    const up = graph.op('Gelu', [graph.op('MatMul', [inner, graph.weight(name('up'), [hidden, feedForward])])])
    stream = graph.op('Add', [stream, project(up, 'down', feedForward, hidden)])
  }
  const logits = graph.op('MatMul', [norm('norm'), graph.weight('head', [hidden, vocabulary])])
  return graph.save(dir, logits, {}, 23)
}
