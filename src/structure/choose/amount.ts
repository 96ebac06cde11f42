/**
 * How much is removed, in parts per million: what goes of the places of each structure, of the blocks of a range or of
 * the hidden channels; or what is left of all parameters, for which the former is sought.
 */
export type Amount = { gone: number } | { left: number }
