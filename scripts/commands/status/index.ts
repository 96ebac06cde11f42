/** `coppice status`: how the peer of this site does, or what it has left on the disk. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addDataOption } from '../../options/data.ts'
import { addJsonOption } from '../../options/output.ts'
import { addHelp } from '../../terminal/help.ts'
import { type RawStatus, statusOptions } from './options.ts'

export function defineStatus(program: Command, start: Start): void {
  const command = program
    .command('status')
    .summary('how the peer of this site does')
    .description(
      'Asks the running peer of this site: the round, who has sent, who was heard when, bytes, memory, the next ' +
        'deadline. Where no peer runs it reads the disk.',
    )
    .argument('[federation]', 'the digits of its id, or the data directory it is in (default: the one that runs)')
    .option('--watch', 'show it again every two seconds, until Ctrl-C; with --json one line each')
  addJsonOption(addDataOption(command))
  addHelp(command, ['coppice status', 'coppice status 0a1b2c3d --json'], ['output'])
  command.action((federation: string | undefined, raw: RawStatus) => {
    const options = statusOptions(federation, raw)
    return start(options.json, async (run) => (await import('./handler.ts')).status(options, run))
  })
}
