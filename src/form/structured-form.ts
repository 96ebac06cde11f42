/**
 * The form of a block as far as removing structures sees it: which units there are, and which rows and columns of which
 * layers go with each. It follows from the base model's graph alone, so all members have the same.
 */
import type { LayerForm } from './block-form.ts'

interface StructuredMember {
  /** The layer. */
  role: number
  /** Output or input features. */
  along: 'rows' | 'cols'
  /** By unit, ascending. */
  places: readonly (readonly number[])[]
}

interface StructureForm {
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
