/**
 * From a block's model to one that sums up what the inputs of its layers are over many batches in one run. ONNX's Loop
 * carries the sums from batch to batch, so that they leave ONNX Runtime once a run (its binding copies every output:
 * measured for 576 and 1536 features, 9 ms a batch of 512 tokens where the batch itself takes 40).
 *
 * A Gram matrix is symmetric: it is formed in panels of rows from the diagonal rightwards, a little over half of it.
 */
import { create } from '@bufbuild/protobuf'
import { valueInfo } from '../../onnx/build.ts'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE, elementBytes } from '../../onnx/tensor.ts'
import type { PartModel } from '../graph/part.ts'

/**
 * `squares`: sum over tokens of x_j^2, [d]. `gram`: sum over tokens of x^T x, its upper triangle by panels. `moments`:
 * sums over tokens of x_j and of x_j^2, [d] each, in float64: their difference is wanted, which may be small.
 */
export type Observation = 'squares' | 'gram' | 'moments'

/** Rows of a panel (measured for 576 and 1536 features: 144 to 192 best, full products take 1.8 times as long). */
const PANEL_ROWS = 192
/** Of AttributeProto.type. */
const ATTRIBUTE = { int: 2, tensor: 4, graph: 5, ints: 7 } as const

/** A panel of a Gram matrix: rows [first, first + rows), columns from `first` on; row-major [rows, size - first]. */
interface Panel {
  first: number
  rows: number
}

export function panels(size: number): Panel[] {
  const count = Math.ceil(size / PANEL_ROWS)
  return Array.from({ length: count }, (_, p) => ({
    first: p * PANEL_ROWS,
    rows: Math.min(PANEL_ROWS, size - p * PANEL_ROWS),
  }))
}

interface ObservedInput {
  /** Canonical name of the value in the part, [..., width]. */
  value: string
  width: number
}

/** The input of all batches, [batches, ...the stream's dims]. */
export const BATCHES = 'batches'

/** Names of the outputs with the sums of input k: its squares, the panels of its Gram matrix, or its moments. */
export function sumNames(k: number, width: number, observation: Observation): string[] {
  if (observation === 'moments') return [`first${k}`, `second${k}`]
  return observation === 'squares' ? [`squares${k}`] : panels(width).map((_, p) => `gram${k}_${p}`)
}

/** @param stream - canonical name of the part's residual stream, which `batches` takes the place of */
export function observedModel(
  part: PartModel,
  stream: string,
  inputs: readonly ObservedInput[],
  observation: Observation,
): ModelProto {
  const sums = inputs.flatMap((input, k) => sumsOf(input, k, observation))
  const inner = part.proto.graph
  const streamInfo = inner?.input.find(({ name }) => name === stream)
  if (inner === undefined || streamInfo === undefined) throw new Error('a block that does not read the stream')
  const body = loopBody(inner, stream, sums)
  const dims = streamInfo.type?.tensorType?.shape?.dim ?? []
  const fixed = dims.map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : null))
  const graph = create(GraphProtoSchema, {
    name: 'observed',
    node: [
      node('Shape', [BATCHES], ['batches_shape']),
      node('Gather', ['batches_shape', 'first'], ['count']),
      ...sums.map(({ name, dataType }) =>
        node(
          'ConstantOfShape',
          [`${name}_dims`],
          [`${name}_zero`],
          [attribute('value', ATTRIBUTE.tensor, { t: zero(dataType) })],
        ),
      ),
      node(
        'Loop',
        ['count', '', ...sums.map(({ name }) => `${name}_zero`)],
        sums.map(({ name }) => name),
        [attribute('body', ATTRIBUTE.graph, { g: body })],
      ),
    ],
    initializer: [
      integers('first', [], [0]),
      ...sums.map(({ name, dims }) => integers(`${name}_dims`, [dims.length], dims)),
    ],
    input: [
      valueInfo(BATCHES, { dataType: DATA_TYPE.float, dims: [null, ...fixed] }),
      ...inner.input.filter(({ name }) => name !== stream),
    ],
    output: sums.map(({ name }) => create(ValueInfoProtoSchema, { name })),
  })
  return create(ModelProtoSchema, { irVersion: part.proto.irVersion, opsetImport: part.proto.opsetImport, graph })
}

/** A sum that the loop carries: what one batch adds to it, and how. */
interface Sum {
  name: string
  dims: number[]
  dataType: number
  /** Nodes that make `term` from the part's values. */
  nodes: NodeProto[]
  constants: TensorProto[]
  term: string
}

function sumsOf({ value, width }: ObservedInput, k: number, observation: Observation): Sum[] {
  const names = sumNames(k, width, observation)
  const x = `x2d${k}` // [tokens, d]
  const flat = {
    nodes: [node('Reshape', [value, `rows${k}`], [x])],
    constants: [integers(`rows${k}`, [2], [-1, width])],
  }
  if (observation === 'moments') {
    const wide = `wide${k}` // [tokens, d], float64
    const sum = (value: string, term: string) =>
      node('ReduceSum', [value, `token_axis${k}`], [term], [int('keepdims', 0)]) // [d]
    const double = { dims: [width], dataType: DATA_TYPE.double }
    return [
      {
        ...{ name: names[0], ...double, term: `sum${k}` },
        nodes: [...flat.nodes, node('Cast', [x], [wide], [int('to', DATA_TYPE.double)]), sum(wide, `sum${k}`)],
        constants: [...flat.constants, integers(`token_axis${k}`, [1], [0])],
      },
      {
        ...{ name: names[1], ...double, term: `sum_of_squares${k}` },
        nodes: [node('Mul', [wide, wide], [`squared${k}`]), sum(`squared${k}`, `sum_of_squares${k}`)],
        constants: [],
      },
    ]
  }
  if (observation === 'squares') {
    return [
      {
        name: names[0],
        dims: [width],
        dataType: DATA_TYPE.float,
        nodes: [
          ...flat.nodes,
          node('Mul', [x, x], [`squared${k}`]),
          node('ReduceSum', [`squared${k}`, `token_axis${k}`], [`sum${k}`], [int('keepdims', 0)]), // [d]
        ],
        constants: [...flat.constants, integers(`token_axis${k}`, [1], [0])],
        term: `sum${k}`,
      },
    ]
  }
  const transposed = `xt${k}` // [d, tokens]
  const shared = {
    nodes: [
      ...flat.nodes,
      node('Transpose', [x], [transposed], [attribute('perm', ATTRIBUTE.ints, { ints: [1n, 0n] })]),
    ],
    constants: [
      ...flat.constants,
      integers(`rows_axis${k}`, [1], [0]),
      integers(`cols_axis${k}`, [1], [1]),
      integers(`end${k}`, [1], [width]),
    ],
  }
  return panels(width).map(({ first, rows }, p) => {
    const at = `${k}_${p}`
    return {
      name: names[p],
      dims: [rows, width - first],
      dataType: DATA_TYPE.float,
      nodes: [
        ...(p === 0 ? shared.nodes : []),
        node('Slice', [transposed, `first${at}`, `last${at}`, `rows_axis${k}`], [`left${at}`]), // [rows, tokens]
        node('Slice', [x, `first${at}`, `end${k}`, `cols_axis${k}`], [`right${at}`]), // [tokens, d - first]
        node('MatMul', [`left${at}`, `right${at}`], [`product${at}`]),
      ],
      constants: [
        ...(p === 0 ? shared.constants : []),
        integers(`first${at}`, [1], [first]),
        integers(`last${at}`, [1], [first + rows]),
      ],
      term: `product${at}`,
    }
  })
}

/** One batch: the stream is picked from all batches, the block's nodes follow, and every sum grows by its term. */
function loopBody(block: GraphProto, stream: string, sums: readonly Sum[]): GraphProto {
  return create(GraphProtoSchema, {
    name: 'batch',
    node: [
      node('Gather', [BATCHES, 'batch'], [stream]),
      ...block.node,
      ...sums.flatMap(({ nodes }) => nodes),
      ...sums.map(({ name, term }) => node('Add', [`${name}_in`, term], [`${name}_out`])),
      node('Identity', ['go_on'], ['goes_on']),
    ],
    initializer: [...block.initializer, ...sums.flatMap(({ constants }) => constants)],
    input: [
      valueInfo('batch', { dataType: DATA_TYPE.int64, dims: [] }),
      valueInfo('go_on', { dataType: DATA_TYPE.bool, dims: [] }),
      ...sums.map(({ name, dims, dataType }) => valueInfo(`${name}_in`, { dataType, dims })),
    ],
    output: [
      valueInfo('goes_on', { dataType: DATA_TYPE.bool, dims: [] }),
      ...sums.map(({ name, dims, dataType }) => valueInfo(`${name}_out`, { dataType, dims })),
    ],
  })
}

function node(opType: string, input: string[], output: string[], attributes: AttributeProto[] = []): NodeProto {
  return create(NodeProtoSchema, { opType, input, output, name: output.join('+'), attribute: attributes })
}

function attribute(
  name: string,
  type: number,
  content: { g?: GraphProto; i?: bigint; ints?: bigint[]; t?: TensorProto },
): AttributeProto {
  return create(AttributeProtoSchema, { name, type, ...content })
}

function int(name: string, value: number): AttributeProto {
  return attribute(name, ATTRIBUTE.int, { i: BigInt(value) })
}

function zero(dataType: number): TensorProto {
  const rawData = new Uint8Array(elementBytes(dataType, 'zero'))
  return create(TensorProtoSchema, { dims: [1n], dataType, rawData })
}

function integers(name: string, dims: number[], values: number[]): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: DATA_TYPE.int64,
    rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  })
}
