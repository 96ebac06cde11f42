/** The number of a decoder's trained numbers, as its trainer counts them: a tensor that is used twice counts once. */
import { placesOf } from '../../onnx/operators/table.ts'
import { elementCount, isFloating, readable, readFloats, type TensorRef } from '../../onnx/tensor.ts'
import { type DecoderCut, isTable } from './cut.ts'

/** Inputs that hold rotary tables. */
const ROTARY_TABLES = 'cos sin'

export function countParameters(cut: DecoderCut): number {
  return trainedTensors(cut).reduce((sum, { dims }) => sum + elementCount(dims), 0)
}

/**
 * The trained tensors: every float vector or matrix that meets the hidden state, and every table in which tokens or
 * positions are looked up. A head that is a copy of such a table is not listed again. Rotary frequencies and masks are
 * computed beside the hidden state; tables of cosines and sines are left out.
 */
export function trainedTensors({ index, hidden, embedding, blocks, head }: DecoderCut): TensorRef[] {
  const found = new Set<TensorRef>()
  const read = (at: number, into: Set<TensorRef>, skipped: readonly number[] = []): void => {
    const visit = (value: string): void => {
      const maker = index.maker(value)
      const tensor = index.initializers.get(value)
      if (maker !== undefined && index.isConstantNode(maker)) index.nodes[maker].input.forEach(visit)
      else if (tensor && isFloating(tensor.dataType) && elementCount(tensor.dims) > 1) into.add(tensor)
    }
    for (const [slot, input] of index.nodes[at].input.entries()) if (!skipped.includes(slot)) visit(input)
  }
  for (const at of hidden) read(at, found, placesOf(index.nodes[at], ROTARY_TABLES))
  const lookedUp = new Set<TensorRef>()
  for (const at of [embedding, ...blocks, head].flatMap(({ nodes }) => nodes)) {
    const { opType, input } = index.nodes[at]
    if (opType === 'Gather' && isTable(index, input[0])) read(at, lookedUp)
  }
  const inHead = new Set<TensorRef>()
  for (const at of head.nodes) read(at, inHead)
  const all = new Set([...found, ...lookedUp])
  const rotary = rotaryTables(all)
  return [...all].filter(
    (tensor) => !rotary.has(tensor) && !(inHead.has(tensor) && [...lookedUp].some((other) => isCopy(tensor, other))),
  )
}

/**
 * The rotary tables among tensors: two tables of one shape whose first rows are all 1 (cosines of position 0) and all 0
 * (sines).
 */
function rotaryTables(tensors: ReadonlySet<TensorRef>): Set<TensorRef> {
  const edges = new Map<string, Map<TensorRef, number>>()
  for (const tensor of tensors) {
    if (tensor.dims.length !== 2) continue
    const [first] = rows(tensor, 1)
    if (!first.every((value) => value === first[0]) || (first[0] !== 0 && first[0] !== 1)) continue
    const alike = edges.get(tensor.dims.join()) ?? new Map()
    edges.set(tensor.dims.join(), alike.set(tensor, first[0]))
  }
  const pairs = [...edges.values()].filter((alike) => new Set(alike.values()).size === 2)
  return new Set(pairs.flatMap((alike) => [...alike.keys()]))
}

/** The number of rows in which two matrices are compared: different trained matrices never have as many in common. */
const COMPARED_ROWS = 4

/**
 * Whether a tensor is a copy of a table. Some exporters store a tied head as a second copy of the embedding, as it is
 * or transposed.
 */
function isCopy(tensor: TensorRef, table: TensorRef): boolean {
  if (tensor === table || tensor.dims.length !== 2 || table.dims.length !== 2) return false
  const count = Math.min(COMPARED_ROWS, table.dims[0])
  if (table.dims.join() === tensor.dims.join() && equalRows(rows(table, count), rows(tensor, count))) return true
  const turned = table.dims.toReversed().join() === tensor.dims.join()
  return turned && equalRows(rows(table, count), columns(tensor, count))
}

function equalRows(a: readonly Float32Array[], b: readonly Float32Array[]): boolean {
  const varied = a.some((row) => row.some((value) => value !== row[0]))
  return varied && a.every((row, k) => row.length === b[k].length && row.every((value, j) => value === b[k][j]))
}

/** The first rows of a matrix. */
function rows(tensor: TensorRef, count: number): Float32Array[] {
  const width = tensor.dims[1]
  const values = readFloats(tensor, 0, count * width)
  return Array.from({ length: count }, (_, row) => values.subarray(row * width, (row + 1) * width))
}

/** The first columns of a matrix, each by one short read a row. */
function columns(tensor: TensorRef, count: number): Float32Array[] {
  const [height, width] = tensor.dims
  const source = readable(tensor)
  const out = Array.from({ length: count }, () => new Float32Array(height))
  for (let row = 0; row < height; row++) {
    for (const [column, value] of readFloats(source, row * width, count).entries()) out[column][row] = value
  }
  return out
}
