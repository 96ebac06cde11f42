/** A LLaMA-like decoder of any size with made-up weights, on disk as an exporter would leave it. */
import { closeSync, copyFileSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { type Attributes, nodeMaking, tensorProto, valueInfo } from '../../../src/onnx/build.ts'
import {
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProtoSchema,
} from '../../../src/onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../../src/onnx/tensor.ts'
import { EMBEDDED_MODEL } from '../../paths.ts'

export interface SyntheticForm {
  blocks: number
  hidden: number
  /** Features between gate and down projection. */
  inner: number
  heads: number
}

const OPSET = 17n
const IR_VERSION = 9n
/** The size of the vocabulary of the embedded model, whose tokenizer this model uses. */
const VOCABULARY = 2048
const MAX_WINDOW = 512
const WEIGHTS_FILE = 'model.onnx_data'
/** Numbers that all weights are cut out of, at changing offsets: making 3e9 fresh ones would take minutes. */
const POOL = 1 << 24
/** So that the stream neither dies out nor explodes over many blocks. */
const WEIGHT_SPREAD = 0.02

/** Bytes of the weights file. */
export function syntheticBytes({ blocks, hidden, inner }: SyntheticForm): number {
  return 4 * (blocks * (4 * hidden * hidden + 3 * hidden * inner + 2 * hidden) + 2 * VOCABULARY * hidden + hidden)
}

export function writeSyntheticModel(dir: string, form: SyntheticForm): void {
  const { blocks, hidden, inner, heads } = form
  const graph = new GraphBuilder()
  const size = hidden / heads
  graph.integers('split', [0, 0, heads, size])
  graph.integers('join', [0, 0, hidden])
  graph.floats('epsilon', [1e-5])
  graph.floats('two', [2])
  graph.floats('scale', [1 / Math.sqrt(size)])
  graph.floats('never', [-1e9])
  graph.integers('one', [1])

  // The causal mask: what lies right of the diagonal is never looked at.
  graph.node('Shape', ['input_ids'], 'ids_shape')
  graph.node('Gather', ['ids_shape', 'one'], 'window')
  graph.node('Concat', ['window', 'window'], 'square', { axis: 0 })
  graph.node('Expand', ['never', 'square'], 'full')
  graph.node('Trilu', ['full', graph.integer('above', 1)], 'mask', { upper: 1 })

  graph.weight('embedding', [VOCABULARY, hidden])
  let stream = graph.node('Gather', ['embedding', 'input_ids'], 'embedded')
  for (let b = 0; b < blocks; b++) {
    const at = (name: string) => `/model/layers.${b}/${name}`
    const product = (input: string, name: string, rows: number, cols: number) => {
      graph.weight(`${at(name)}.weight`, [cols, rows])
      return graph.node('MatMul', [input, `${at(name)}.weight`], `${at(name)}/MatMul`)
    }
    const attended = rmsNorm(graph, stream, at('norm1'), hidden)
    const [q, k, v] = ['q', 'k', 'v'].map((name) => {
      const flat = product(attended, `attention/${name}`, hidden, hidden)
      const split = graph.node('Reshape', [flat, 'split'], at(`${name}_split`))
      return graph.node('Transpose', [split], at(`${name}_heads`), { perm: name === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] })
    })
    const scores = graph.node('Mul', [graph.node('MatMul', [q, k], at('scores')), 'scale'], at('scaled'))
    const masked = graph.node('Add', [scores, 'mask'], at('masked'))
    const shares = graph.node('Softmax', [masked], at('shares'), { axis: -1 })
    const mixed = graph.node('Transpose', [graph.node('MatMul', [shares, v], at('mixed'))], at('swapped'), {
      perm: [0, 2, 1, 3],
    })
    const joined = graph.node('Reshape', [mixed, 'join'], at('joined'))
    stream = graph.node('Add', [stream, product(joined, 'attention/o', hidden, hidden)], at('after_attention'))
    const fed = rmsNorm(graph, stream, at('norm2'), hidden)
    const gate = product(fed, 'mlp/gate', inner, hidden)
    const up = product(fed, 'mlp/up', inner, hidden)
    const swish = graph.node('Mul', [gate, graph.node('Sigmoid', [gate], at('sigmoid'))], at('swish'))
    const gated = graph.node('Mul', [swish, up], at('gated'))
    stream = graph.node('Add', [stream, product(gated, 'mlp/down', hidden, inner)], at('after_mlp'))
  }
  graph.weight('head.weight', [hidden, VOCABULARY])
  graph.node('MatMul', [rmsNorm(graph, stream, '/model/norm', hidden), 'head.weight'], 'logits')
  graph.write(dir)
  const config = {
    architectures: ['LlamaForCausalLM'],
    hidden_size: hidden,
    max_position_embeddings: MAX_WINDOW,
    num_attention_heads: heads,
    num_hidden_layers: blocks,
    vocab_size: VOCABULARY,
  }
  writeFileSync(join(dir, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(EMBEDDED_MODEL, name), join(dir, name))
}

/** x / sqrt(mean(x^2) + epsilon) * weight */
function rmsNorm(graph: GraphBuilder, x: string, name: string, hidden: number): string {
  graph.weight(`${name}.weight`, [hidden])
  const mean = graph.node('ReduceMean', [graph.node('Pow', [x, 'two'], `${name}/square`)], `${name}/mean`, {
    axes: [-1],
    keepdims: 1,
  })
  const root = graph.node('Sqrt', [graph.node('Add', [mean, 'epsilon'], `${name}/plus`)], `${name}/root`)
  return graph.node('Mul', [graph.node('Div', [x, root], `${name}/normed`), `${name}.weight`], `${name}/out`)
}

/** Collects nodes and initializers; weights lie beside the graph. */
class GraphBuilder {
  private readonly nodes: NodeProto[] = []
  private readonly initializers: TensorProto[] = []
  private readonly weights: number[] = []
  private offset = 0

  node(opType: string, input: string[], output: string, attributes: Attributes = {}): string {
    this.nodes.push(nodeMaking(output, opType, input, attributes))
    return output
  }

  integers(name: string, values: number[], dims = [values.length]): string {
    this.initializers.push(tensorProto({ name, dims, dataType: DATA_TYPE.int64 }, BigInt64Array.from(values, BigInt)))
    return name
  }

  integer(name: string, value: number): string {
    return this.integers(name, [value], [])
  }

  floats(name: string, values: number[]): void {
    const form = { name, dims: [values.length], dataType: DATA_TYPE.float }
    this.initializers.push(tensorProto(form, Float32Array.from(values)))
  }

  weight(name: string, dims: number[]): void {
    const count = dims.reduce((product, size) => product * size, 1)
    const externalData = Object.entries({ location: WEIGHTS_FILE, offset: this.offset, length: 4 * count })
    this.initializers.push(
      create(TensorProtoSchema, {
        name,
        dims: dims.map(BigInt),
        dataType: DATA_TYPE.float,
        dataLocation: 1,
        externalData: externalData.map(([key, value]) => ({ key, value: String(value) })),
      }),
    )
    this.weights.push(count)
    this.offset += 4 * count
  }

  write(dir: string): void {
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      opsetImport: [{ domain: '', version: OPSET }],
      graph: {
        name: 'synthetic',
        node: this.nodes,
        initializer: this.initializers,
        input: [valueInfo('input_ids', { dataType: DATA_TYPE.int64, dims: [null, null] })],
        output: [valueInfo('logits', { dataType: DATA_TYPE.float, dims: [null, null, VOCABULARY] })],
      },
    })
    writeFileSync(join(dir, 'model.onnx'), toBinary(ModelProtoSchema, model))
    const pool = Float32Array.from(
      { length: POOL },
      () => (Math.random() + Math.random() + Math.random() - 1.5) * 2 * WEIGHT_SPREAD,
    )
    const fd = openSync(join(dir, WEIGHTS_FILE), 'w')
    try {
      let at = 0
      for (const count of this.weights) {
        for (let left = count; left > 0; ) {
          const some = Math.min(left, POOL - at)
          writeSync(fd, pool.subarray(at, at + some))
          left -= some
          at = (at + some) % POOL
        }
      }
    } finally {
      closeSync(fd)
    }
  }
}
