/** `coppice invitation`: shows the line again that the other sites paste, while a founder waits for them. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addDataOption, type RawSiteOptions } from '../../options/data.ts'
import { addJsonOption } from '../../options/output.ts'
import { addHelp } from '../../terminal/help.ts'
import { invitationOptions } from './options.ts'

export function defineInvitation(program: Command, start: Start): void {
  const command = program
    .command('invitation')
    .summary('the line to paste, again')
    .description('Shows the line that the other sites paste, while a peer of this site waits for them.')
    .argument('[data]', 'the data directory of the waiting peer (default: as for peer)')
  addJsonOption(addDataOption(command))
  addHelp(command, ['coppice invitation'], ['refused'])
  command.action((directory: string | undefined, raw: RawSiteOptions & { json?: boolean }) => {
    const options = invitationOptions(directory, raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).invitation(options, run))
  })
}
