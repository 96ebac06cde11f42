/** Units of a model's structures that are removed. */
import type { Shifts } from '../../model/forward/output-shift.ts'
import type { Structure } from './structure.ts'

/** Of one structure of a block. */
export interface RemovedUnits {
  structure: Structure
  /** Ascending; none where the ratio is less than one unit. */
  units: number[]
}

export interface Removal {
  block: number
  removed: RemovedUnits[]
  /** What stands in for it. */
  shifts?: Shifts
}
