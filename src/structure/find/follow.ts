/**
 * Follows the axes of a block through its graph: from each product of a layer a class for every output feature, carried
 * on by what each operator does to an axis, united where operators read places together. So coupled structures are
 * found from the graph alone. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.1, and DepGraph (Fang et al. 2023),
 * whose groups these are; by axes, as the classes of places.
 */
import { isWeightName } from '../../model/graph/part.ts'
import type { GraphProto, NodeProto } from '../../onnx/generated/onnx_pb.js'
import type { Observed } from '../../onnx/gradient/tape.ts'
import { attribute, intAttribute } from '../../onnx/graph.ts'
import { operatorName } from '../../onnx/operators/operators.ts'
import { type Axes, type Axis, Labels } from './labels.ts'
import { reshapeAxes } from './reshape-axes.ts'

export interface Followed {
  labels: Labels
  /** Axes of each value, weights and constants included. */
  axes: ReadonlyMap<string, Axes>
}

/**
 * What goes of queries that share keys and values: `kv`, all of them with these; `query`, as many of each group, and
 * keys and values stay.
 */
export type GroupQueries = 'kv' | 'query'

/** @param stream - the residual stream, whose last axis is the model's width */
export function followAxes(
  graph: GraphProto,
  observed: Observed,
  stream: string,
  groupQueries: GroupQueries = 'kv',
): Followed {
  const walk = new Walk(graph, observed, groupQueries)
  walk.start(stream)
  return walk.through(graph)
}

/** Follows the axes of an embedding, which no stream enters: from the features of the tables that it looks up on. */
export function followEmbedding(graph: GraphProto, observed: Observed): Followed {
  return new Walk(graph, observed, 'kv', true).through(graph)
}

/** What passes places on one by one, its operands broadcast against each other. */
const PLACEWISE: ReadonlySet<string> = new Set(
  `
  Abs Add And Cast Clip Cos Div Elu Equal Erf Exp Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu
  Less LessOrEqual Log Max Min Mish Mod Mul Neg Not Or Pow Reciprocal Relu Sigmoid Sign Sin Softplus Sqrt Sub Sum Swish Tanh
  Where Xor com.microsoft:BiasGelu com.microsoft:FastGelu com.microsoft:Gelu com.microsoft:QuickGelu
`
    .trim()
    .split(/\s+/),
)
/** What a weight may pass on its way to its product. */
const PASSING: ReadonlySet<string> = new Set(['Cast', 'Identity'])
/** Their outputs are sizes and places. */
const SIZES: ReadonlySet<string> = new Set(['Constant', 'ConstantOfShape', 'NonZero', 'Range', 'Shape', 'Size'])
const RESHAPING: ReadonlySet<string> = new Set(['Flatten', 'Reshape', 'Squeeze', 'Unsqueeze'])
export const NORMS: ReadonlySet<string> = new Set([
  'LayerNormalization',
  'RMSNormalization',
  'SimplifiedLayerNormalization',
])
const OVER_AXES: ReadonlySet<string> = new Set([
  'ReduceL2',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceSum',
  'ReduceSumSquare',
])

const fromFront = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)

class Walk {
  readonly labels = new Labels()
  readonly axes = new Map<string, Axis[]>()
  private readonly observed: Observed
  private readonly groupQueries: GroupQueries
  /** Whether this is an embedding: its tables begin the axes. */
  private readonly embeds: boolean
  /** Weights and constants: they take the labels of what they meet, since they can be cut to fit. */
  private readonly fixed: ReadonlySet<string>

  constructor(graph: GraphProto, observed: Observed, groupQueries: GroupQueries, embeds = false) {
    this.observed = observed
    this.groupQueries = groupQueries
    this.embeds = embeds
    const fixed = new Set(graph.initializer.map(({ name }) => name))
    for (const { name } of graph.input) if (isWeightName(name)) fixed.add(name)
    for (const node of graph.node) {
      if (node.input.every((input) => input === '' || fixed.has(input)))
        for (const output of node.output) fixed.add(output)
    }
    this.fixed = fixed
  }

  start(stream: string): void {
    const shape = this.shape(stream)
    const width = this.labels.fresh(shape[shape.length - 1])
    this.labels.keep(width)
    this.axes.set(
      stream,
      shape.map((_, axis) => (axis === shape.length - 1 ? width : null)),
    )
  }

  through({ node: nodes }: GraphProto): Followed {
    for (const node of nodes) this.step(node)
    for (const node of nodes.toReversed()) if (this.fixed.has(node.output[0])) this.backToWeights(node)
    return { labels: this.labels, axes: this.axes }
  }

  private step(node: NodeProto): void {
    const name = operatorName(node)
    if (SIZES.has(name)) return
    if (PLACEWISE.has(name)) this.placewise(node)
    else if (RESHAPING.has(name)) this.reshape(node)
    else if (name === 'MatMul') this.matmul(node)
    else if (name === 'Gemm') this.gemm(node)
    else if (name === 'Transpose') this.transpose(node)
    else if (name === 'Concat') this.concat(node)
    else if (name === 'Split') this.split(node)
    else if (name === 'Slice') this.slice(node)
    else if (name === 'Expand') this.expand(node)
    else if (name === 'Gather') this.gather(node)
    else if (name === 'Softmax' || name === 'LogSoftmax') this.statistic(node, [intAttribute(node, 'axis', -1)])
    else if (NORMS.has(name)) this.norm(node)
    else if (OVER_AXES.has(name)) this.reduce(node)
    else this.unknown(node)
  }

  private shape(value: string): readonly number[] {
    const shape = this.observed.shapes.get(value)
    if (shape === undefined) throw new Error(`no shape of "${value}" was observed`)
    return shape
  }

  private axesOf(value: string): Axis[] {
    const known = this.axes.get(value)
    if (known !== undefined) return known
    const none: Axis[] = this.shape(value).map(() => null)
    this.axes.set(value, none)
    return none
  }

  private content(value: string | undefined): readonly number[] | undefined {
    return value === undefined || value === '' ? undefined : this.observed.contents.get(value)
  }

  /** Unites an axis of a value with labels. What is no weight and has none there cannot be cut: they are locked. */
  private meet(value: string, axis: number, places: Axis, node: NodeProto): void {
    const own = this.axesOf(value)
    if (own[axis] !== null) this.labels.uniteAxes(own[axis], places)
    else if (this.fixed.has(value)) own[axis] = places
    else this.labels.lock(places, `"${node.name}" (${operatorName(node)}) reads them with something unknown`)
  }

  /** Operands are aligned at their last axes; of a size of 1 all places read the same. */
  private placewise(node: NodeProto): void {
    const [output] = node.output
    if (PASSING.has(node.opType) && this.fixed.has(node.input[0])) {
      this.axes.set(output, this.axesOf(node.input[0])) // one array: what is found out about one holds for the other
      return
    }
    const shape = this.shape(output)
    const inputs = node.input.filter((input) => input !== '')
    const out = shape.map((size, axis): Axis => {
      if (size === 1) return null
      let places: Axis = null
      const meeting: [string, number][] = []
      for (const input of inputs) {
        const at = axis - (shape.length - this.shape(input).length)
        if (at < 0 || this.shape(input)[at] !== size) continue
        meeting.push([input, at])
        places = this.labels.uniteAxes(places, this.axesOf(input)[at])
      }
      if (places !== null) for (const [input, at] of meeting) this.meet(input, at, places, node)
      return places
    })
    this.axes.set(output, out)
  }

  /** What is computed from weights alone gets its labels from what it meets: they belong to the weights behind it. */
  private backToWeights(node: NodeProto): void {
    const [output] = node.output
    const name = operatorName(node)
    const own = this.axes.get(output)
    if (own === undefined || own.every((places) => places === null)) return
    // As one with their weight, or one themselves.
    if (PASSING.has(name) || name === 'Transpose' || name === 'Constant') return
    if (PLACEWISE.has(name)) {
      for (const input of node.input) {
        if (input === '') continue
        const shape = this.shape(input)
        const axes = this.axesOf(input)
        for (const [axis, places] of own.slice(own.length - shape.length).entries())
          if (places !== null && shape[axis] === places.length) axes[axis] = this.labels.uniteAxes(axes[axis], places)
      }
    } else if (RESHAPING.has(name)) {
      const [input] = node.input
      const axes = this.axesOf(input)
      const behind = reshapeAxes(this.labels, own, this.shape(output), this.shape(input))
      for (const [axis, places] of behind.entries()) axes[axis] = this.labels.uniteAxes(axes[axis], places)
    } else for (const places of own) this.labels.lock(places, `"${node.name}" (${name}) makes a constant of them`)
  }

  private reshape(node: NodeProto): void {
    const [input] = node.input
    const [output] = node.output
    this.axes.set(output, reshapeAxes(this.labels, this.axesOf(input), this.shape(input), this.shape(output)))
  }

  private matmul(node: NodeProto): void {
    const [a, b] = node.input
    if (this.shape(b).length === 2 && this.fixed.has(b) && !this.fixed.has(a)) {
      const left = this.axesOf(a)
      this.product(node, left[left.length - 1], { weight: b, rowsAxis: 1 })
      return
    }
    const [left, right] = [this.axesOf(a), this.axesOf(b)]
    const rank = this.shape(node.output[0]).length
    const out: Axis[] = []
    for (let axis = 0; axis < rank - 2; axis++) {
      const [i, j] = [axis - (rank - left.length), axis - (rank - right.length)]
      const places = [i >= 0 && this.shape(a)[i] > 1 ? left[i] : null, j >= 0 && this.shape(b)[j] > 1 ? right[j] : null]
      out.push(this.labels.uniteAxes(places[0], places[1]))
    }
    const [inner, other] = [left[left.length - 1], right[right.length - 2]]
    if ((inner === null) !== (other === null))
      this.labels.lock(inner ?? other, `"${node.name}" (MatMul) multiplies them by something that is no layer`)
    this.labels.uniteAxes(inner, other)
    this.axes.set(node.output[0], [...out, left[left.length - 2], right[right.length - 1]])
  }

  private gemm(node: NodeProto): void {
    const [a, b, c] = node.input
    const transA = intAttribute(node, 'transA', 0)
    const inner = this.axesOf(a)[1 - transA]
    const rowsAxis = intAttribute(node, 'transB', 0) === 1 ? 0 : 1
    const places = this.product(node, inner, { weight: b, rowsAxis })
    if (c) {
      const rank = this.shape(c).length
      if (rank > 0 && this.shape(c)[rank - 1] > 1) this.meet(c, rank - 1, places, node)
    }
  }

  /** A layer: its inputs are coupled to what it reads, its outputs are new. */
  private product(
    node: NodeProto,
    inner: Axis,
    { weight, rowsAxis }: { weight: string; rowsAxis: number },
  ): Int32Array {
    const [output] = node.output
    const rank = this.shape(output).length
    const own = this.axesOf(weight)
    if (inner !== null) this.meet(weight, 1 - rowsAxis, inner, node)
    own[rowsAxis] ??= this.labels.fresh(this.shape(weight)[rowsAxis])
    const left = this.axesOf(node.input[0])
    const places = own[rowsAxis] as Int32Array
    this.axes.set(output, [...left.slice(0, rank - 1), places])
    return places
  }

  private transpose(node: NodeProto): void {
    const axes = this.axesOf(node.input[0])
    const perm = attribute(node, 'perm')?.ints.map(Number) ?? axes.map((_, axis) => axes.length - 1 - axis)
    const [output] = node.output
    // A transposed weight is the weight: what is found out about one holds for the other.
    if (this.fixed.has(node.input[0]))
      this.axes.set(
        output,
        perm.map((axis) => (axes[axis] ??= this.labels.fresh(this.shape(node.input[0])[axis]))),
      )
    else
      this.axes.set(
        output,
        perm.map((axis) => axes[axis]),
      )
  }

  private concat(node: NodeProto): void {
    const [output] = node.output
    const shape = this.shape(output)
    const along = fromFront(intAttribute(node, 'axis', 0), shape.length)
    const out = shape.map((_, axis): Axis => {
      const own = node.input.map((input) => this.axesOf(input)[axis])
      if (own.every((places) => places === null)) return null
      if (axis !== along) return own.reduce<Axis>((all, places) => this.labels.uniteAxes(all, places), null)
      const joined = node.input.map((input, k) => own[k] ?? this.unlabelled(this.shape(input)[axis], node))
      return Int32Array.from(joined.flatMap((places) => [...places]))
    })
    this.axes.set(output, out)
  }

  private unlabelled(count: number, node: NodeProto): Int32Array {
    const places = this.labels.fresh(count)
    this.labels.lock(places, `"${node.name}" (${operatorName(node)}) joins them with something unknown`)
    return places
  }

  private split(node: NodeProto): void {
    const axes = this.axesOf(node.input[0])
    const along = fromFront(intAttribute(node, 'axis', 0), axes.length)
    let from = 0
    for (const output of node.output) {
      const size = this.shape(output)[along]
      const [first, last] = [from, from + size]
      this.axes.set(
        output,
        axes.map((places, axis) => (axis === along ? (places?.slice(first, last) ?? null) : places)),
      )
      from = last
    }
  }

  private slice(node: NodeProto): void {
    const [input] = node.input
    const shape = this.shape(input)
    const out = [...this.axesOf(input)]
    const starts = this.content(node.input[1]) ?? []
    const axes = this.content(node.input[3]) ?? starts.map((_, axis) => axis)
    const steps = this.content(node.input[4]) ?? starts.map(() => 1)
    for (const [k, given] of axes.entries()) {
      const axis = fromFront(given, shape.length)
      const start = fromFront(starts[k], shape[axis])
      const count = this.shape(node.output[0])[axis]
      const places = out[axis]
      out[axis] =
        places && Int32Array.from({ length: count }, (_, i) => places[Math.min(start, shape[axis]) + i * steps[k]])
    }
    this.axes.set(node.output[0], out)
  }

  /** Keys and values are repeated for each query of their group. */
  private expand(node: NodeProto): void {
    const [input] = node.input
    const [before, behind] = [this.shape(input), this.shape(node.output[0])]
    const extra = behind.length - before.length
    const axes = this.axesOf(input)
    const repeats = this.groupQueries === 'query' && axes.some((places) => places && !this.labels.isKept(places[0]))
    const out = behind.map((size, axis): Axis => {
      if (axis >= extra && before[axis - extra] === size) return axes[axis - extra]
      return repeats ? this.labels.freshRepeats(size) : null
    })
    this.axes.set(node.output[0], out)
  }

  private gather(node: NodeProto): void {
    const [data, ids] = node.input
    const axes = this.axesOf(data)
    const along = fromFront(intAttribute(node, 'axis', 0), axes.length)
    if (this.embeds && this.fixed.has(data))
      for (const [axis, size] of this.shape(data).entries()) if (axis !== along) axes[axis] ??= this.labels.fresh(size)
    this.labels.lock(axes[along], `"${node.name}" (Gather) picks some of them`)
    this.axes.set(node.output[0], [
      ...axes.slice(0, along),
      ...this.shape(ids).map(() => null),
      ...axes.slice(along + 1),
    ])
  }

  /**
   * What is computed over an axis changes with each place that is removed from it. Of the stream's width that is what
   * is meant, where it is a mean: of fewer places it is as large.
   */
  private statistic(node: NodeProto, over: readonly number[]): void {
    const axes = this.axesOf(node.input[0])
    const name = operatorName(node)
    const isMean = NORMS.has(name) || name === 'ReduceMean'
    for (const axis of over) {
      const places = axes[fromFront(axis, axes.length)]
      if (isMean && (this.embeds || places?.every((label) => this.labels.isKept(label)))) continue
      this.labels.lock(places, `"${node.name}" (${name}) computes over them`)
    }
    this.axes.set(node.output[0], [...axes])
  }

  private norm(node: NodeProto): void {
    const axes = this.axesOf(node.input[0])
    const first = fromFront(intAttribute(node, 'axis', -1), axes.length)
    const over = axes.flatMap((_, axis) => (axis >= first ? [axis] : []))
    this.statistic(node, over)
    for (const input of node.input.slice(1)) {
      if (input === '') continue
      const rank = this.shape(input).length
      for (let k = 1; k <= Math.min(rank, over.length); k++) {
        const places = axes[axes.length - k]
        if (places !== null && this.shape(input)[rank - k] === places.length) this.meet(input, rank - k, places, node)
      }
    }
  }

  private reduce(node: NodeProto): void {
    const axes = this.axesOf(node.input[0])
    const given = attribute(node, 'axes')?.ints.map(Number) ?? this.content(node.input[1]) ?? []
    const over = (given.length > 0 ? given : axes.map((_, axis) => axis)).map((axis) => fromFront(axis, axes.length))
    this.statistic(node, over)
    const keeps = intAttribute(node, 'keepdims', 1) === 1
    this.axes.set(
      node.output[0],
      axes.flatMap((places, axis) => (over.includes(axis) ? (keeps ? [null] : []) : [places])),
    )
  }

  /** Never guessed: what it reads stays as it is. */
  private unknown(node: NodeProto): void {
    const why = `"${node.name}" (${operatorName(node)}) is not understood`
    for (const input of node.input) {
      if (input === '' || !this.axes.has(input)) continue
      for (const places of this.axesOf(input)) this.labels.lock(places, why)
    }
  }
}
