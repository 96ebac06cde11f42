/** Pruned weights, block by block. */

/** Weights of one block that differ from the base's, one array a role, row-major [rows, cols]. */
export type BlockWeights = readonly Float32Array[]

/** The weights of a block, given its number; undefined: the base's. */
export type WeightsOf = (block: number) => BlockWeights | undefined
