/** The interface between a command and the program. */
import type { PeerEvent } from '../peers/round/events.ts'
import type { ExitCode } from '../src/base/errors.ts'
import type { EventLine } from './operate/event-schema.ts'
import type { Meter } from './progress/meter.ts'
import type { Terminal } from './terminal/terminal.ts'

/** The arguments of a command besides its options. */
export interface Run {
  terminal: Terminal
  /** Tells the terminal how far the engine's work is. */
  meter: Meter
  /** Aborted by Ctrl-C and kill, with an InterruptedError. */
  signal: AbortSignal
  /** Hears the events of the command's peer, if it has one. */
  onPeerEvent?(event: PeerEvent): void
  /** Sets the exit code of a command that does its work, and reports something wrong. */
  ends?(exit: ExitCode): void
  /** Writes an event to stdout; undefined without --json=lines. */
  tell?: (line: EventLine) => void
}

/** The form of stdout: text, one JSON object at the end (--json), or one JSON object a line (--json=lines). */
export type Json = boolean | 'lines'

/** Starts a command's work. What it resolves to is the one object of --json; null: it was written already. */
export type Start = (json: Json, work: (run: Run) => Promise<object | null>) => Promise<void>
