/** What a command gets from the program, and gives it. */
import type { Terminal } from './terminal/terminal.ts'

/** What a command is given beside its options. */
export interface Run {
  terminal: Terminal
  /** Aborted by Ctrl-C and kill, with an InterruptedError. */
  signal: AbortSignal
}

/** Starts a command's work, with its terminal; what it resolves to is the one object of --json. */
export type Start = (json: boolean, work: (run: Run) => Promise<object>) => Promise<void>
