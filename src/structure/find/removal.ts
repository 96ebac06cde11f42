/** Units of a model's structures that are removed. */
import type { Shifts } from '../../model/forward/output-shift.ts'
import type { Structure } from './structure.ts'

/** The removed units of one structure of a block. */
export interface RemovedUnits {
  structure: Structure
  /** Unit numbers, ascending; empty if the ratio is less than one unit. */
  units: number[]
}

export interface Removal {
  block: number
  removed: RemovedUnits[]
  /** Vectors that replace the removed units. */
  shifts?: Shifts
}
