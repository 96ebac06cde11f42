/** Whether a person is asked before this site signs anything. */
import type { Command } from 'commander'
import { UsageError } from '../../src/base/errors.ts'
import type { Terminal } from '../terminal/terminal.ts'

export interface YesOptions {
  /** Nobody is asked. */
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

/** Before any work. @throws {UsageError} USAGE_MISSING: somebody is to be asked, and nobody can be */
export function assertCanAsk({ yes }: YesOptions, terminal: Terminal): void {
  if (yes || terminal.canAsk) return
  throw new UsageError({
    code: 'USAGE_MISSING',
    what: 'there is no terminal at which to ask before this site signs (stdin and stderr must be one)',
    hint: 'Start it at a terminal, or give --yes to take part and sign without being asked.',
  })
}
