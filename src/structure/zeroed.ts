/** What a sliced model must compute: its base with everything that read what is removed set to zero. */
import type { BlockWeights, Decoder } from '../model/decoder.ts'
import type { RemovedUnits } from './removal.ts'

/** The weights of a block with the columns that read removed places at zero: what is not read adds nothing. */
export function zeroedWeights(decoder: Decoder, block: number, removed: readonly RemovedUnits[]): BlockWeights {
  const { layers } = decoder.cut.blocks[block]
  const weights = decoder.baseWeights(block)
  for (const { structure, units } of removed) {
    for (const { tensor, axis, places } of structure.members) {
      const role = layers.findIndex(({ weight }) => weight.name === tensor)
      if (role === -1 || (layers[role].stored === 'out-in') !== (axis === 1)) continue
      const columns = units.flatMap((unit) => places[unit])
      const { rows, cols } = layers[role]
      for (let row = 0; row < rows; row++) for (const column of columns) weights[role][row * cols + column] = 0
    }
  }
  return weights
}
