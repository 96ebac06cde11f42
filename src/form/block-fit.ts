/** The figures that show how well pruning has treated a block. No result depends on them: they are for reports. */

export interface BlockFit {
  /** One entry a role: SparseGPT's damping as a share of the mean diagonal of the Hessian; null for other pruners. */
  damping: (number | null)[]
  /**
   * One entry a role: the pruner's own loss, as a share of that of a layer of zeros whose inputs do not go together.
   * The loss is the sum over all zeroed weights of w^2 (magnitude), of w^2 times the mean square of its input (Wanda),
   * or of the squared error e^2 that stays when the other weights have made up for it (SparseGPT). null: nothing was
   * solved, or the layer is all zeros.
   */
  error: (number | null)[]
  /**
   * One entry a role: of the weights that one member's mask zeroes, the share that another member's zeroes as well, a
   * mean over all pairs. null: fewer than two masks were there.
   */
  agreement: (number | null)[]
}

/** The figures of one pruning alone. */
export type OwnFit = Pick<BlockFit, 'damping' | 'error'>

/** Nothing is known. @param layers - the number of roles */
export function unknownFit(layers: number): BlockFit {
  const nothing = Array.from({ length: layers }, () => null)
  return { damping: nothing, error: nothing, agreement: nothing }
}
