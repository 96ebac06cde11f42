/** Pruned weights, block by block. */

/** Weights of one block that differ from the base's: by role, row-major [rows, cols]. */
export type BlockWeights = readonly Float32Array[]

/** Weights of a block by number; undefined: the base's. */
export type WeightsOf = (block: number) => BlockWeights | undefined
