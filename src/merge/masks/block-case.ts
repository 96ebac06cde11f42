/** One block as the merge and its checks see it. */
import type { BlockForm, LayerWeights } from '../../form/block-form.ts'
import type { SparseMethod } from '../../form/method.ts'

export interface BlockCase {
  form: BlockForm
  method: SparseMethod
  /** The base's weights, one array a layer in order of role, row-major [rows, cols]. */
  base: readonly LayerWeights[]
}
