/** What goes to stderr when a command does not succeed: two lines for a refusal, a stack trace for a bug. */
import { CommanderError } from 'commander'
import { CoppiceError, EXIT, UsageError } from '../../src/errors.ts'

/** Commander's codes for having shown help or the version, as asked. */
const SHOWN = new Set(['commander.helpDisplayed', 'commander.version'])

export interface Ending {
  exit: number
  /** For stderr; empty: nothing to say. */
  text: string
}

export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) return SHOWN.has(error.code) ? { exit: EXIT.done, text: '' } : usageEnding(error)
  if (error instanceof CoppiceError) return { exit: error.exit, text: `${error.lines}\n` }
  return { exit: EXIT.bug, text: `coppice: a bug, please report it\n${stackOf(error)}\n` }
}

function usageEnding(error: CommanderError): Ending {
  const refusal = fromCommander(error)
  return { exit: refusal.exit, text: `${refusal.lines}\n` }
}

/** Commander's own refusals ("error: unknown option '--sparsty'\n(Did you mean --sparsity?)") in our two lines. */
export function fromCommander({ code, message }: CommanderError): UsageError {
  if (code === 'commander.help') {
    return new UsageError({ code: 'USAGE', what: 'no command given', hint: 'Try coppice simulate, or coppice --help.' })
  }
  const [first, ...rest] = message.replace(/^error: /, '').split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/s.exec(rest.join(' ').trim())?.[1]
  return new UsageError({
    code: 'USAGE',
    what: first,
    hint: suggestion ? `Did you mean ${suggestion}?` : 'Add --help to the command to see what it takes.',
  })
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\nCaused by: ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
