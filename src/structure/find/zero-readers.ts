/** The expected results of a sliced model: those of its base, with zeros for all weights that read removed places. */

import type { BlockWeights } from '../../form/block-weights.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { RemovedUnits } from './removal.ts'
import type { CoupledTensor, Structure } from './structure.ts'

/** The layers of a block that read a structure: it lies along their inputs. */
export function layersReading(
  decoder: Decoder,
  block: number,
  { members }: Structure,
): { role: number; member: CoupledTensor }[] {
  const { layers } = decoder.cut.blocks[block]
  return members.flatMap((member) => {
    const role = layers.findIndex(({ weight }) => weight.name === member.tensor)
    return role !== -1 && (layers[role].stored === 'out-in') === (member.axis === 1) ? [{ role, member }] : []
  })
}

/**
 * The weights of a block, with zeros in the columns that read removed places: a place that is not read adds nothing.
 */
export function zeroedWeights(decoder: Decoder, block: number, removed: readonly RemovedUnits[]): BlockWeights {
  const { layers } = decoder.cut.blocks[block]
  const weights = decoder.baseWeights(block)
  for (const { structure, units } of removed) {
    for (const { role, member } of layersReading(decoder, block, structure)) {
      const columns = units.flatMap((unit) => member.places[unit])
      const { rows, cols } = layers[role]
      for (let row = 0; row < rows; row++) for (const column of columns) weights[role][row * cols + column] = 0
    }
  }
  return weights
}
