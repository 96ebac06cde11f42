/** Mutations of what an ONNX file says: nodes, values, attributes, tensors, types, versions. One to three at a time. */
import { clone, create, toBinary } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  StringStringEntryProtoSchema,
  TensorAnnotationSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../src/onnx/generated/onnx_pb.js'
import { type Chance, type Mutation, mutateBytes } from './frame.ts'

const OPERATORS = [
  ...[
    'Add',
    'Mul',
    'Sub',
    'Div',
    'MatMul',
    'Gemm',
    'Gather',
    'Reshape',
    'Transpose',
    'Identity',
    'Cast',
    'Concat',
    'If',
  ],
  ...['Slice', 'Split', 'Softmax', 'LayerNormalization', 'Constant', 'ConstantOfShape', 'Shape', 'Unsqueeze', 'Expand'],
  ...['GroupQueryAttention', 'MultiHeadAttention', 'Attention', 'RotaryEmbedding', 'Loop', 'Where', 'Foo', '', 'Relu'],
  ...['SkipLayerNormalization', 'SkipSimplifiedLayerNormalization', 'QuickGelu', 'MatMulNBits', 'ReduceSum', 'Tanh'],
]
const DOMAINS = ['', 'ai.onnx', 'com.microsoft', 'own', 'ai.onnx.ml', '\u0000']
const SIZES = [0n, 1n, 2n, -1n, 3n, 64n, 1n << 31n, 1n << 40n, (1n << 62n) + 1n, -(1n << 62n)]
const TYPES = [0, 1, 2, 6, 7, 8, 9, 10, 11, 16, 17, 22, 99, -1]
const NAMES = [
  '',
  'logits',
  'input_ids',
  'attention_mask',
  'past',
  'use_cache_branch',
  'a\nb\u001b[31m',
  '__proto__',
  '/',
]
const VERSIONS = [0n, 1n, 7n, 13n, 14n, 17n, 18n, 21n, 23n, 26n, 27n, 99n, 1n << 40n, -1n]

type Change = (chance: Chance, graph: GraphProto, model: ModelProto) => string

/** The bytes of a model with some changes; now and then of its bytes instead. */
export function mutateModel(chance: Chance, model: ModelProto): Mutation<Uint8Array> {
  if (chance.below(8) === 0) return mutateBytes(chance, toBinary(ModelProtoSchema, model))
  const copy = clone(ModelProtoSchema, model)
  const graphs = allGraphs(copy.graph as GraphProto)
  const told: string[] = []
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const graph = chance.of(graphs)
    told.push(chance.of(chance.of(CHANGES))(chance, graph, copy))
  }
  return { what: told.join('; '), content: toBinary(ModelProtoSchema, copy) }
}

function allGraphs(graph: GraphProto): GraphProto[] {
  return [graph, ...graph.node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => (g ? allGraphs(g) : [])))]
}

function nameOf({ name, opType, output }: NodeProto): string {
  return `${opType} "${name || output[0]}"`
}

/** Any name that means something in the graph, or nothing. */
function drawValue(chance: Chance, { node, initializer, input }: GraphProto): string {
  const lists = [
    () => chance.of(NAMES),
    () => (initializer.length > 0 ? chance.of(initializer).name : ''),
    () => (input.length > 0 ? chance.of(input).name : ''),
  ]
  if (node.length === 0 || chance.below(3) === 0) return chance.of(lists)()
  const { output } = chance.of(node)
  return output.length === 0 ? '' : chance.of(output)
}

function onNode(change: (chance: Chance, node: NodeProto, graph: GraphProto) => string): Change {
  return (chance, graph) => {
    if (graph.node.length === 0) return 'no node'
    const node = chance.of(graph.node)
    return `${nameOf(node)}: ${change(chance, node, graph)}`
  }
}

const NODES: Change[] = [
  onNode((_, node, graph) => {
    graph.node.splice(graph.node.indexOf(node), 1)
    return 'dropped'
  }),
  onNode((chance, node, graph) => {
    const copy = clone(NodeProtoSchema, node)
    if (chance.below(2) === 0) copy.output = copy.output.map((output) => `${output}_again`)
    graph.node.splice(chance.below(graph.node.length), 0, copy)
    return `twice, the second makes ${copy.output}`
  }),
  onNode((chance, node, graph) => {
    if (node.input.length === 0) return 'no input'
    const slot = chance.below(node.input.length)
    node.input[slot] = drawValue(chance, graph)
    return `reads "${node.input[slot]}" in slot ${slot}`
  }),
  onNode((_, node) => {
    node.input.reverse()
    return 'inputs reversed'
  }),
  onNode((_, node) => `without the input ${node.input.pop()}`),
  onNode((chance, node, graph) => `reads ${node.input.push(drawValue(chance, graph))} inputs, one more`),
  onNode((chance, node, graph) => {
    const slot = chance.below(node.output.length + 1)
    node.output[slot] = chance.below(2) === 0 ? 'fresh' : drawValue(chance, graph)
    return `makes "${node.output[slot]}" in slot ${slot}`
  }),
  onNode((_, node) => `without the output ${node.output.pop()}`),
  onNode((chance, node) => {
    node.opType = chance.of(OPERATORS)
    return `is now ${node.opType}`
  }),
  onNode((chance, node) => {
    node.domain = chance.of(DOMAINS)
    return `is now of domain "${node.domain}"`
  }),
  onNode((chance, node, graph) => {
    node.name = chance.below(2) === 0 ? chance.of(NAMES) : chance.of(graph.node).name
    return `is now called "${node.name}"`
  }),
  onNode((chance, node, graph) => {
    graph.node.splice(graph.node.indexOf(node), 1)
    graph.node.splice(chance.below(graph.node.length + 1), 0, node)
    return 'moved'
  }),
  (chance, graph) => {
    const from = chance.below(graph.node.length + 1)
    const gone = graph.node.splice(from, 1 + chance.below(40))
    return `${gone.length} nodes from ${from} on dropped`
  },
]

const ATTRIBUTES: Change[] = [
  onNode((_, node) => `without the attribute ${node.attribute.pop()?.name}`),
  onNode((chance, node) => {
    const names = ['axis', 'perm', 'to', 'value', 'transB', 'alpha', 'num_heads', 'epsilon', 'keepdims', 'then_branch']
    const i = chance.of([...SIZES, ...TYPES.map(BigInt)])
    node.attribute.push(create(AttributeProtoSchema, { name: chance.of(names), i, f: 0, type: chance.below(15) }))
    return `attribute ${node.attribute.at(-1)?.name} ${i} more`
  }),
  onNode((chance, node) => {
    if (node.attribute.length === 0) return 'no attribute'
    const attribute = chance.of(node.attribute)
    switch (chance.below(6)) {
      case 0:
        attribute.type = chance.below(16)
        return `attribute ${attribute.name} of type ${attribute.type}`
      case 1:
        attribute.name = chance.of(['axis', 'value', 'to', 'perm', 'Foo', ''])
        return `an attribute is now called "${attribute.name}"`
      case 2:
        attribute.i = chance.of([...SIZES, attribute.i + 1n, attribute.i - 1n, -attribute.i])
        return `attribute ${attribute.name} ${attribute.i}`
      case 3:
        attribute.f = chance.of([0, -1, 1e38, Number.NaN, Number.POSITIVE_INFINITY, 0.5])
        return `attribute ${attribute.name} ${attribute.f}`
      case 4:
        if (attribute.ints.length > 0) attribute.ints[chance.below(attribute.ints.length)] = chance.of(SIZES)
        else attribute.ints = [chance.of(SIZES)]
        return `attribute ${attribute.name} [${attribute.ints}]`
      default:
        if (attribute.t) return `attribute ${attribute.name}: ${changeTensor(chance, attribute.t)}`
        attribute.t = create(TensorProtoSchema, { dataType: chance.of(TYPES), dims: [chance.of(SIZES)] })
        return `attribute ${attribute.name} with a tensor`
    }
  }),
]

function changeTensor(chance: Chance, tensor: TensorProto): string {
  switch (chance.below(10)) {
    case 0:
      tensor.dims = chance.below(2) === 0 ? tensor.dims.toReversed() : [...tensor.dims, chance.of(SIZES)]
      return `dims [${tensor.dims}]`
    case 1:
      if (tensor.dims.length > 0) tensor.dims[chance.below(tensor.dims.length)] = chance.of(SIZES)
      return `dims [${tensor.dims}]`
    case 2:
      tensor.dims.pop()
      return `dims [${tensor.dims}]`
    case 3:
      tensor.dataType = chance.of(TYPES)
      return `type ${tensor.dataType}`
    case 4:
      tensor.rawData = tensor.rawData.subarray(0, chance.below(tensor.rawData.length + 1))
      return `${tensor.rawData.length} bytes`
    case 5:
      tensor.rawData = Uint8Array.from({ length: tensor.rawData.length }, () => chance.below(256))
      return 'bytes by chance'
    case 6:
      tensor.floatData = Array.from({ length: chance.below(9) }, () => chance.next())
      return `${tensor.floatData.length} floats`
    case 7:
      tensor.stringData = [Uint8Array.of(1, 2)]
      return 'a string'
    case 8:
      tensor.dataLocation = chance.of([0, 1, 2])
      return `data location ${tensor.dataLocation}`
    default: {
      const key = chance.of(['location', 'offset', 'length', 'checksum', ''])
      const locations = ['model.onnx', 'model.onnx_data', '../x', '/etc/passwd', '.', '', 'absent', '\u0000', 'a/../b']
      const numbers = ['-1', '1e400', 'x', '', '99999999999999999999', '4096', '3', '0x10', ' 7']
      const value = key === 'location' ? chance.of(locations) : chance.of(numbers)
      tensor.externalData = tensor.externalData.filter((entry) => entry.key !== key)
      tensor.externalData.push(create(StringStringEntryProtoSchema, { key, value }))
      return `external ${key} "${value}"`
    }
  }
}

function onTensor(change: (chance: Chance, tensor: TensorProto, graph: GraphProto) => string): Change {
  return (chance, graph) => {
    if (graph.initializer.length === 0) return 'no tensor'
    const tensor = chance.of(graph.initializer)
    return `tensor "${tensor.name}": ${change(chance, tensor, graph)}`
  }
}

const TENSORS: Change[] = [
  onTensor((chance, tensor) => changeTensor(chance, tensor)),
  onTensor((chance, tensor) => changeTensor(chance, tensor)),
  onTensor((_, tensor, graph) => {
    graph.initializer.splice(graph.initializer.indexOf(tensor), 1)
    return 'dropped'
  }),
  onTensor((_, tensor, graph) => {
    graph.initializer.push(tensor)
    return 'twice'
  }),
  onTensor((chance, tensor, graph) => {
    tensor.name = chance.below(2) === 0 ? chance.of(NAMES) : drawValue(chance, graph)
    return `is now called "${tensor.name}"`
  }),
  onTensor((chance, tensor, graph) => {
    const other = chance.of(graph.initializer)
    ;[tensor.name, other.name] = [other.name, tensor.name]
    return 'has changed places with another'
  }),
  onTensor((chance, tensor, graph) => {
    const other = chance.of(graph.initializer)
    tensor.dims = [...other.dims]
    tensor.rawData = other.rawData
    tensor.dataType = other.dataType
    return `is what "${other.name}" is`
  }),
  onTensor((chance, values, graph) => {
    graph.initializer.splice(graph.initializer.indexOf(values), 1)
    const indices = create(TensorProtoSchema, { dataType: chance.of([7, 7, 6]), dims: [chance.of([...SIZES, 2n])] })
    indices.int64Data = [chance.of(SIZES), 1n]
    if (chance.below(2) === 0) {
      values.dims = [2n]
      values.rawData = new Uint8Array(8)
    }
    graph.sparseInitializer.push(create(SparseTensorProtoSchema, { values, indices, dims: [64n, chance.of(SIZES)] }))
    return 'sparse'
  }),
]

function changeInfo(chance: Chance, info: ValueInfoProto): string {
  const tensor = info.type?.tensorType
  switch (chance.below(5)) {
    case 0:
      info.name = chance.of(NAMES)
      return `is now called "${info.name}"`
    case 1:
      if (tensor) tensor.elemType = chance.of(TYPES)
      return `type ${tensor?.elemType}`
    case 2:
      if (info.type) info.type.tensorType = undefined
      return 'no tensor'
    case 3:
      if (tensor?.shape) tensor.shape.dim.pop()
      return 'one axis less'
    default: {
      const dim = tensor?.shape?.dim ?? []
      if (dim.length === 0) return 'no shape'
      const value = chance.of([...SIZES, 8n, 8n, 1n])
      chance.of(dim).value = { case: 'dimValue', value }
      return `an axis of ${value}`
    }
  }
}

const INTERFACE: Change[] = ['input', 'output', 'valueInfo'].flatMap((list): Change[] => {
  const of = (graph: GraphProto) => graph[list as 'input']
  return [
    (chance, graph) => {
      const infos = of(graph)
      if (infos.length === 0) return `no ${list}`
      const info = chance.of(infos)
      return `${list} "${info.name}": ${changeInfo(chance, info)}`
    },
    (_, graph) => `without the ${list} ${of(graph).pop()?.name}`,
    (chance, graph) => {
      const info = create(ValueInfoProtoSchema, {
        name: drawValue(chance, graph),
        type: { tensorType: { elemType: 1 } },
      })
      of(graph).splice(chance.below(of(graph).length + 1), 0, info)
      return `${list} "${info.name}" more`
    },
  ]
})

const MODEL: Change[] = [
  (chance, _, model) => {
    model.irVersion = chance.of(VERSIONS)
    return `IR version ${model.irVersion}`
  },
  (chance, _, model) => {
    const opset = model.opsetImport.length > 0 ? chance.of(model.opsetImport) : undefined
    if (opset) opset.version = chance.of(VERSIONS)
    return `opset ${opset?.version}`
  },
  (chance, _, model) => {
    const opset = model.opsetImport.pop()
    if (opset && chance.below(2) === 0) model.opsetImport.push(opset, { ...opset, domain: chance.of(DOMAINS) })
    return `${model.opsetImport.length} opsets`
  },
  (_, graph, model) => {
    const name = graph.node[0]?.opType ?? 'F'
    model.functions.push(create(FunctionProtoSchema, { name, domain: '' }))
    return `a function ${name}`
  },
  (_, graph) => `${graph.quantizationAnnotation.push(create(TensorAnnotationSchema, { tensorName: 'w' }))} annotation`,
  (chance, graph, model) => {
    const message = chance.of<GraphProto | ModelProto | NodeProto>([model, graph, ...graph.node.slice(0, 1)])
    const no = 1 + chance.below(40)
    message.$unknown = [...(message.$unknown ?? []), { no, wireType: 2, data: Uint8Array.of(2, 8, 1) }]
    return `a field ${no} more in ${message.$typeName}`
  },
  (_, __, model) => {
    model.graph = undefined
    return 'no graph'
  },
]

/** Kinds are drawn first, so that each is as frequent. */
const CHANGES = [NODES, NODES, ATTRIBUTES, TENSORS, TENSORS, INTERFACE, MODEL]
