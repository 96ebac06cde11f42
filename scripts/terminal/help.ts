/** The text of a command's --help below its options. */
import type { Command } from 'commander'
import { EXIT } from '../../src/base/errors.ts'

const MEANINGS: Record<keyof typeof EXIT, string> = {
  done: 'done',
  bug: 'a bug',
  usage: 'usage: an option is unknown, missing or wrong',
  input: 'input: a file is missing, unreadable, unsupported, or a text is too short',
  refused:
    'refused by the federation (other model, plan or version, bad invitation, no free place), or declined by a site',
  network: 'the network: nobody there, or the port is in use',
  noAgreement: 'no agreement in time',
  diverged: 'diverged or not verified',
  output: 'the output or data directory: unwritable, not empty, locked, damaged',
}

type Outcome = keyof typeof EXIT

/** Adds examples and the exit codes with which this command can end, besides 0, 1, 2, and 130 and 143. */
export function addHelp(command: Command, examples: readonly string[], outcomes: readonly Outcome[]): Command {
  const codes = (['done', 'bug', 'usage', ...outcomes] as const).map((name) => `  ${EXIT[name]}  ${MEANINGS[name]}`)
  return command.addHelpText(
    'after',
    [
      '',
      examples.length === 1 ? 'Example:' : 'Examples:',
      ...examples.map((line) => `  ${line}`),
      '',
      'Exit codes:',
      ...codes,
      '  130, 143  stopped by Ctrl-C, by kill',
    ].join('\n'),
  )
}
