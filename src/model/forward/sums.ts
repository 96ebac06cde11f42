/**
 * Nodes that add one batch to the sums over tokens of a layer's input x, [tokens, d].
 *
 * A Gram matrix is symmetric: it is formed in panels of rows from the diagonal rightwards, a little over half of it.
 */
import { nodeMaking, tensorProto } from '../../onnx/build.ts'
import type { NodeProto, TensorProto } from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../onnx/tensor.ts'

/**
 * `squares`: sum over tokens of x_j^2, [d]. `gram`: sum over tokens of x^T x, its upper triangle by panels. `moments`:
 * sums over tokens of x_j and of x_j^2, [d] each, in float64: their difference is wanted, which may be small.
 */
export type Observation = 'squares' | 'gram' | 'moments'

/** Rows of a panel (measured for 576 and 1536 features: 144 to 192 best, full products take 1.8 times as long). */
const PANEL_ROWS = 192

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

export interface ObservedInput {
  /** Canonical name of the value in the part, [..., width]. */
  value: string
  width: number
}

/** A sum that a loop carries: the term that one batch adds, and the nodes that add it. */
export interface Sum {
  name: string
  dims: number[]
  dataType: number
  /** Nodes that make `term` from the part's values. */
  nodes: NodeProto[]
  constants: TensorProto[]
  term: string
}

/** Input k as a matrix x. */
interface Rows {
  k: number
  width: number
  x: string
  nodes: NodeProto[]
  constants: TensorProto[]
}

const SUMS: Record<Observation, (rows: Rows) => Sum[]> = { squares, moments, gram }

/** The sums of input k. The nodes of the first make x, which all of them read. */
export function sumsOf({ value, width }: ObservedInput, k: number, observation: Observation): Sum[] {
  const x = `x2d${k}` // [tokens, d]
  const nodes = [nodeMaking(x, 'Reshape', [value, `rows${k}`])]
  return SUMS[observation]({ k, width, x, nodes, constants: [integers(`rows${k}`, [2], [-1, width])] })
}

/** Names of the outputs with the sums of input k: its squares, the panels of its Gram matrix, or its moments. */
export function sumNames(k: number, width: number, observation: Observation): string[] {
  if (observation === 'moments') return [`first${k}`, `second${k}`]
  return observation === 'squares' ? [`squares${k}`] : panels(width).map((_, p) => `gram${k}_${p}`)
}

function squares({ k, width, x, nodes, constants }: Rows): Sum[] {
  const [name] = sumNames(k, width, 'squares')
  const term = `sum${k}` // [d]
  return [
    {
      ...{ name, dims: [width], dataType: DATA_TYPE.float, term },
      nodes: [...nodes, nodeMaking(`squared${k}`, 'Mul', [x, x]), overTokens(k, `squared${k}`, term)],
      constants: [...constants, tokenAxis(k)],
    },
  ]
}

function moments({ k, width, x, nodes, constants }: Rows): Sum[] {
  const [first, second] = sumNames(k, width, 'moments')
  const form = { dims: [width], dataType: DATA_TYPE.double }
  const wide = `wide${k}` // [tokens, d], float64
  const [sum, sumOfSquares] = [`sum${k}`, `sum_of_squares${k}`] // [d]
  const cast = nodeMaking(wide, 'Cast', [x], { to: DATA_TYPE.double })
  return [
    {
      ...{ ...form, name: first, term: sum },
      nodes: [...nodes, cast, overTokens(k, wide, sum)],
      constants: [...constants, tokenAxis(k)],
    },
    {
      ...{ ...form, name: second, term: sumOfSquares },
      nodes: [nodeMaking(`squared${k}`, 'Mul', [wide, wide]), overTokens(k, `squared${k}`, sumOfSquares)],
      constants: [],
    },
  ]
}

function overTokens(k: number, value: string, sum: string): NodeProto {
  return nodeMaking(sum, 'ReduceSum', [value, `token_axis${k}`], { keepdims: 0 })
}

function tokenAxis(k: number): TensorProto {
  return integers(`token_axis${k}`, [1], [0])
}

function gram(rows: Rows): Sum[] {
  const { k, width, x, nodes, constants } = rows
  const transposed = `xt${k}` // [d, tokens]
  const axes = [
    integers(`rows_axis${k}`, [1], [0]),
    integers(`cols_axis${k}`, [1], [1]),
    integers(`end${k}`, [1], [width]),
  ]
  const [first, ...others] = panels(width).map((panel, p) => panelOf(rows, transposed, panel, p))
  const turn = nodeMaking(transposed, 'Transpose', [x], { perm: [1, 0] })
  const shared = { nodes: [...nodes, turn, ...first.nodes], constants: [...constants, ...axes, ...first.constants] }
  return [{ ...first, ...shared }, ...others]
}

function panelOf({ k, width, x }: Rows, transposed: string, { first, rows }: Panel, p: number): Sum {
  const at = `${k}_${p}`
  const [left, right, term] = [`left${at}`, `right${at}`, `product${at}`]
  return {
    name: sumNames(k, width, 'gram')[p],
    dims: [rows, width - first],
    dataType: DATA_TYPE.float,
    nodes: [
      nodeMaking(left, 'Slice', [transposed, `first${at}`, `last${at}`, `rows_axis${k}`]), // [rows, tokens]
      nodeMaking(right, 'Slice', [x, `first${at}`, `end${k}`, `cols_axis${k}`]), // [tokens, d - first]
      nodeMaking(term, 'MatMul', [left, right]),
    ],
    constants: [integers(`first${at}`, [1], [first]), integers(`last${at}`, [1], [first + rows])],
    term,
  }
}

export function integers(name: string, dims: number[], values: number[]): TensorProto {
  return tensorProto({ name, dataType: DATA_TYPE.int64, dims }, BigInt64Array.from(values, BigInt))
}
