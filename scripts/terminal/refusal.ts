/**
 * The end of a command that does not succeed. People get two lines on stderr, with the code at the end of the first;
 * for a bug the stack trace follows. Programs, with --json, get one object on stdout.
 */
import { CommanderError } from 'commander'
import { CoppiceError, EXIT, oneLine, UsageError } from '../../src/base/errors.ts'
import { InterruptedError } from './interruption.ts'

/** A refusal as programs read it. */
interface RefusalReport {
  /** Stable code; docs/reference/errors.md lists all of them. */
  code: string
  exit: number
  /** One line that says what is wrong and where. */
  what: string
  /** One line that says what to do about it. */
  hint: string
}

interface Ending {
  exit: number
  /** The text for stderr; empty if there is nothing to say. */
  text: string
  /** null if nothing was refused. */
  report: RefusalReport | null
}

/** The ending for anything that a command throws. @param commands - the names of all commands */
export function endingOf(error: unknown, commands: readonly string[] = []): Ending {
  if (error instanceof CommanderError) {
    if (error.exitCode === EXIT.done) return { exit: EXIT.done, text: '', report: null } // help or the version
    return refusal(refusedLine(error, commands))
  }
  if (error instanceof InterruptedError) return { ...refusal(error), text: `Stopped. ${error.hint}\n` }
  if (error instanceof CoppiceError) return refusal(error)
  const report = { code: 'BUG', exit: EXIT.bug, what: oneLine(String(error)), hint: 'This is a bug: please report it.' }
  return { exit: EXIT.bug, text: `coppice: a bug, please report it (${report.code})\n${stackOf(error)}\n`, report }
}

/** The line of JSON for a refusal, with --json. */
export function jsonOf(report: RefusalReport): string {
  return `${JSON.stringify({ error: report })}\n`
}

function refusal({ code, exit, message: what, hint }: CoppiceError | InterruptedError): Ending {
  return { exit, text: `coppice: ${what} (${code})\n${hint}\n`, report: { code, exit, what, hint } }
}

/**
 * Commander's own refusals ("error: unknown option '--sparsty'\n(Did you mean --sparsity?)") in the two lines of ours.
 */
export function refusedLine({ code, message }: CommanderError, commands: readonly string[] = []): UsageError {
  if (code === 'commander.help') {
    const hint = `There are: ${commands.join(', ')}. Try coppice simulate, or coppice help COMMAND.`
    return new UsageError({ code: 'USAGE', what: 'no command given, or none of that name', hint })
  }
  if (code === 'commander.unknownCommand') return unknownCommand(message, commands)
  const [first, ...rest] = message.replace(/^error: /, '').split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/s.exec(rest.join(' ').trim())?.[1]
  return new UsageError({
    code: 'USAGE',
    what: first,
    hint: suggestion ? `Did you mean ${suggestion}?` : 'Add --help to the command to see its options.',
  })
}

/** commander guesses what was meant, if it can: "(Did you mean peer?)". */
function unknownCommand(message: string, commands: readonly string[]): UsageError {
  const [, name = ''] = /unknown command '(.*)'/s.exec(message) ?? []
  const meant = /\(Did you mean (.*)\?\)/s.exec(message)?.[1]
  return new UsageError({
    code: 'USAGE',
    what: `unknown command '${oneLine(name)}'`,
    hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}There are: ${commands.join(', ')}. coppice help COMMAND explains one.`,
  })
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\nCaused by: ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
