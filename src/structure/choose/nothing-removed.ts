/** The refusal to write a model from which nothing was removed: it would be a copy under the name of a smaller one. */
import { PPM, ppmToFraction } from '../../base/decimal.ts'
import { UsageError } from '../../base/errors.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Structure } from '../find/structure.ts'
import { adaptiveUnits } from './adaptive.ts'
import type { Amount } from './amount.ts'
import { perGroup, placesPerUnit } from './units-per-group.ts'

interface Asked {
  amount: Amount
  /** The name of one unit: "block", "hidden channel". */
  unit: string
  /** The number of units on the axis that has the most. */
  units: number
}

/**
 * Whether a share removes anything of these blocks. It depends on the share and the widths alone.
 * @param structures - one array a block of the range
 * @param adaptive - whether FLAP's search shares the removal out among all structures
 */
export function removesAny(
  decoder: Decoder,
  structures: readonly (readonly Structure[])[],
  { from, ppm, adaptive }: { from: number; ppm: number; adaptive: boolean },
): boolean {
  const all = structures.flatMap((own, k) => own.map((structure) => ({ block: from + k, structure })))
  if (!adaptive)
    return all.some(({ block, structure }) => perGroup(structure, placesPerUnit(decoder, block, structure), ppm) > 0)
  // Scores decide which units are removed, but not whether any is.
  const scored = all.map((own) => ({
    ...own,
    scores: Array.from({ length: own.structure.units }, () => new Float64Array(1)),
  }))
  return adaptiveUnits(decoder, scored, ppm).some((units) => units.length > 0)
}

/**
 * Refuses a removal of nothing. It is called as soon as the number of units is known, mostly before anything is
 * computed on a text.
 * @throws {UsageError} NOTHING_REMOVED, always
 */
export function refuseNothing({ amount, unit, units }: Asked): never {
  const isRatio = 'gone' in amount
  const given = isRatio ? `--ratio ${ppmToFraction(amount.gone)}` : `--parameters ${ppmToFraction(amount.left)}`
  const refuse = (why: string, hint: string): never => {
    throw new UsageError({ code: 'NOTHING_REMOVED', what: `${given} would remove nothing: ${why}`, hint })
  }
  if (units <= 1) return refuse(`there is no more than one ${unit}`, 'Give more --blocks, or another --granularity.')
  if (isRatio && amount.gone * units < PPM)
    return refuse(
      `it is less than one ${unit} of ${units}`,
      `Give --ratio at least ${ppmToFraction(Math.ceil(PPM / units))}.`,
    )
  return refuse(
    `it would leave no ${unit} of ${units}`,
    `Give a ${isRatio ? 'smaller --ratio' : 'larger --parameters'}.`,
  )
}
