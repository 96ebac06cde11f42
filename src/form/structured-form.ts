/**
 * The form of a block as far as removing structures sees it: which units there are, and which rows and columns of which
 * layers go with each. It follows from the base model's graph alone, so all members have the same.
 */
import type { LayerForm } from './block-form.ts'

export interface StructuredMember {
  /** The layer. */
  role: number
  /** Output or input features. */
  along: 'rows' | 'cols'
  /** By unit, ascending. */
  places: readonly (readonly number[])[]
}

export interface StructureForm {
  units: number
  /** What a ratio counts of each unit: the fewest places that it takes of a layer. */
  places: number
  members: readonly StructuredMember[]
}

export interface StructuredForm {
  /** By role. */
  layers: readonly LayerForm[]
  /** In the order of the graph; those that nothing can be removed of are left out. */
  structures: readonly StructureForm[]
}

/** What a federation removes, and how it trains afterwards. */
export interface StructuredTarget {
  kind: 'structured'
  /** Share of the places of each structure, in parts per million. */
  ppm: number
  /** First block, and the one behind the last. */
  from: number
  to: number
  /** Of training, a site and round: in all rounds but the first. */
  steps: number
}
