/** How much is removed, in parts per million. */
export type Amount = RemovedShare | KeptShare

/** What goes: of the places of each structure, of the blocks of a range, or of the hidden channels. */
export interface RemovedShare {
  gone: number
}

/** What is left of all parameters, for which what goes is sought. */
export interface KeptShare {
  left: number
}
