/** A call of the library: the command of its name, run with another terminal than a person's. */
import { CommanderError } from 'commander'
import type { Start } from '../command.ts'
import { createProgram } from '../program.ts'
import { Meter } from '../progress/meter.ts'
import { refusedLine } from '../terminal/refusal.ts'
import { commandLine } from './command-line.ts'
import type { CallContext, SiteContext } from './context.ts'
import { ToldTerminal } from './told-terminal.ts'

interface Call {
  /** Name of the command. */
  name: string
  /** The argument behind its options. */
  argument?: string
  /** Its options: see requests.ts. */
  request: object
  context: CallContext & Partial<Pick<SiteContext, 'agree'>>
}

const NOWHERE = { write: () => undefined }

/**
 * Runs a command. Resolves to its report, whose type follows from the command's name.
 * @throws {CoppiceError} as the command refuses
 * @throws the signal's reason
 */
export async function call<Report>({ name, argument, request, context }: Call): Promise<Report> {
  const { signal = new AbortController().signal, onEvent = () => undefined, agree } = context
  const terminal = new ToldTerminal(onEvent, typeof agree === 'function' ? agree : null)
  let report: object | null = null
  const start: Start = async (_, work) => {
    report = await work({ terminal, meter: new Meter(terminal.work), signal, onPeerEvent: onEvent })
  }
  const line = commandLine(name, agree === true ? { ...request, yes: true } : request, argument)
  signal.throwIfAborted()
  try {
    await createProgram(start, { stdout: NOWHERE, stderr: NOWHERE }).parseAsync(line, { from: 'user' })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof CommanderError ? refusedLine(error) : error
  }
  return report as Report
}
