/** The option that asks for a forecast in place of the work. */
import type { Command } from 'commander'

export interface RawDryRun {
  dryRun?: boolean
}

export function addDryRunOption(command: Command): Command {
  return command.option('--dry-run', 'say how long it would take, and how much memory, disk and sending; do nothing')
}
