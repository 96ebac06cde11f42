/** The option to sign without asking a person. */
import type { Command } from 'commander'
import { UsageError } from '../../src/base/errors.ts'
import type { Terminal } from '../terminal/terminal.ts'

export interface YesOptions {
  /** Whether nobody is asked. */
  yes: boolean
}

export interface RawYes {
  yes?: boolean
}

export function addYesOption(command: Command): Command {
  return command.option('--yes', 'take part and sign without being asked')
}

export function yesOption({ yes }: RawYes): YesOptions {
  return { yes: yes === true }
}

/**
 * Checks, before any work, that a person can be asked. @throws {UsageError} USAGE_MISSING: a person must be asked, and
 * there is no terminal
 */
export function assertCanAsk({ yes }: YesOptions, terminal: Terminal): void {
  if (yes || terminal.canAsk) return
  throw new UsageError({
    code: 'USAGE_MISSING',
    what: 'there is no terminal at which to ask before this site signs (stdin and stderr must be one)',
    hint: 'Start it at a terminal, or give --yes to take part and sign without being asked.',
  })
}
