/**
 * The form of a block as far as removing structures sees it: its units, and the rows and columns of layers that belong
 * to each unit. It follows from the base model's graph alone, so all members have the same.
 */
import type { LayerForm } from './block-form.ts'

interface StructuredMember {
  /** The layer. */
  role: number
  /** Output or input features. */
  along: 'rows' | 'cols'
  /** The places of each unit, ascending. */
  places: readonly (readonly number[])[]
}

interface StructureForm {
  units: number
  /** The number of places that a ratio counts for each unit: the fewest that it has in any layer. */
  places: number
  members: readonly StructuredMember[]
}

export interface StructuredForm {
  /** One entry a role. */
  layers: readonly LayerForm[]
  /** In the order of the graph. Structures without removable units are left out. */
  structures: readonly StructureForm[]
}
