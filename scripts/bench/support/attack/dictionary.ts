/**
 * The dictionary of an attack: the input that each token gives every layer where it stands alone, or behind another.
 */

import type { Matrix } from '../../../../src/algebra/linear-algebra.ts'
import type { Decoder } from '../../../../src/model/forward/decoder.ts'
import type { Values } from '../../../../src/model/forward/sessions.ts'
import { distinctInputs } from '../../../../src/model/graph/block-forms.ts'

/**
 * The vectors of the last tokens of windows at the inputs of each block's layers, [block][distinct input],
 * [windows, width] each, in the dense model.
 * @param length - tokens of a window: 1 where each token stands alone
 */
export async function dictionaryOf(decoder: Decoder, ids: Int32Array, length = 1): Promise<Matrix[][]> {
  const { cut, sessions, forms } = decoder
  const rows = ids.length / length
  const values: Values = decoder.graphInputs(BigInt64Array.from(ids, BigInt), rows, length)
  const take = (made: Values) => {
    for (const [name, tensor] of made) values.set(name, tensor)
  }
  take(await sessions.runPart(cut.embedding, values))
  const all: Matrix[][] = []
  for (const [block, part] of cut.blocks.entries()) {
    const tensors = sessions.blockTensors(block)
    const inputs = distinctInputs(part.layers).map(({ input }) => input)
    const made = await sessions.runModel(sessions.partModelOf(part, inputs, values), values, tensors)
    all.push(
      inputs.map((input, k) => {
        const all = made.get(input)?.data as Float32Array
        return { data: lastOf(all, rows, length), rows, cols: forms[block].inputs[k] }
      }),
    )
    take(await sessions.runPart(part, values, tensors))
  }
  return all
}

/** The vectors of each window's last token. @param all - [rows, length, width] */
function lastOf(all: Float32Array, rows: number, length: number): Float32Array {
  if (length === 1) return all
  const width = all.length / (rows * length)
  const last = new Float32Array(rows * width)
  for (let row = 0; row < rows; row++)
    last.set(all.subarray(((row + 1) * length - 1) * width, (row + 1) * length * width), row * width)
  return last
}
