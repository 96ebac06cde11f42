/** How much is removed, in parts per million. */
export type Amount = RemovedShare | KeptShare

/** The share to remove: of the places of each structure, of the blocks of a range, or of the hidden channels. */
export interface RemovedShare {
  gone: number
}

/** The share of all parameters to keep. A search finds the units to remove for it. */
export interface KeptShare {
  left: number
}
