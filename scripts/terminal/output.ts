/** Where a command writes to. */

/** The parts of process.stdout and process.stderr that a terminal needs. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}
