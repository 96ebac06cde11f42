/** The number of tokens for which a graph has an embedding. */
import type { GraphIndex } from '../../onnx/graph.ts'
import { keepsNumbers, passesMatrix } from '../../onnx/operators/table.ts'

/**
 * The number of rows of the table in which input_ids are looked up, of the smallest if there are several; null if none
 * is known.
 */
export function embeddingRows(index: GraphIndex): number | null {
  const ids = new Set(['input_ids'])
  const rows: number[] = []
  for (const node of index.nodes) {
    const { opType, input, output } = node
    if (keepsNumbers(node) && ids.has(input[0])) for (const name of output) ids.add(name)
    if (opType === 'Gather' && ids.has(input[1])) rows.push(...rowsOf(index, input[0]))
  }
  return rows.length === 0 ? null : Math.min(...rows)
}

/** The rows of a table that is known beforehand, transposed or not: an array of one number, or an empty one. */
function rowsOf(index: GraphIndex, table: string): number[] {
  let name = table
  let rows = 0
  for (let maker = index.maker(name); maker !== undefined; maker = index.maker(name)) {
    const { opType, input } = index.nodes[maker]
    if (!passesMatrix(index.nodes[maker])) return []
    if (opType === 'Transpose') rows = 1 - rows
    name = input[0]
  }
  const dims = index.initializers.get(name)?.dims
  return dims?.length === 2 ? [dims[rows]] : []
}
