/** The dictionary of an attack: the input that each token of a vocabulary gives every layer where it stands alone. */

import type { Matrix } from '../../../../src/algebra/linear-algebra.ts'
import type { Decoder } from '../../../../src/model/forward/decoder.ts'
import type { Values } from '../../../../src/model/forward/sessions.ts'
import { distinctInputs } from '../../../../src/model/graph/block-forms.ts'

/**
 * The vectors of all tokens at the inputs of each block's layers, [block][distinct input], [ids, width] each: from
 * windows of one token through the dense model.
 */
export async function dictionaryOf(decoder: Decoder, ids: Int32Array): Promise<Matrix[][]> {
  const { cut, sessions, forms } = decoder
  const values: Values = decoder.graphInputs(BigInt64Array.from(ids, BigInt), ids.length, 1)
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
        const data = made.get(input)?.data as Float32Array
        return { data, rows: ids.length, cols: forms[block].inputs[k] }
      }),
    )
    take(await sessions.runPart(part, values, tensors))
  }
  return all
}
