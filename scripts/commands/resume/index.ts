/** `coppice resume`: goes on with a federation that this site has founded or joined. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addWatchOptions } from '../../operate/options.ts'
import { addDataOption } from '../../options/data.ts'
import { addJsonOptions, jsonForm } from '../../options/output.ts'
import { addPageOption } from '../../options/page.ts'
import { addHelp } from '../../terminal/help.ts'
import { type RawResume, resumeOptions } from './options.ts'

export function defineResume(program: Command, start: Start): void {
  const command = program
    .command('resume')
    .summary('go on with a federation')
    .description(
      'Goes on with an unfinished federation of this site as the command that began it: with its model, texts and options.',
    )
    .argument('[federation]', 'the digits of its id, or the data directory it is in (default: the only unfinished one)')
  addJsonOptions(addPageOption(addDataOption(addWatchOptions(command))))
  addHelp(command, ['coppice resume 0a1b2c3d'], ['input', 'refused', 'network', 'noAgreement', 'diverged', 'output'])
  command.action((federation: string | undefined, raw: RawResume) => {
    const options = resumeOptions(federation, raw)
    return start(jsonForm(raw), async (run) => (await import('./handler.ts')).resume(options, run))
  })
}
