/** The interface between a command and the program. */
import type { Terminal } from './terminal/terminal.ts'

/** The arguments of a command besides its options. */
export interface Run {
  terminal: Terminal
  /** Aborted by Ctrl-C and kill, with an InterruptedError. */
  signal: AbortSignal
}

/** Starts a command's work, with its terminal; what it resolves to is the one object of --json. */
export type Start = (json: boolean, work: (run: Run) => Promise<object>) => Promise<void>
