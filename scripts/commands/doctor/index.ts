/** `coppice doctor`: whether this machine, this model and this text can take part, before they do. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addDataOption } from '../../options/data.ts'
import { addNetworkOptions, addNoListenOption } from '../../options/network.ts'
import { addJsonOption } from '../../options/output.ts'
import { addModelOption, addTextOptions, addWindowOptions } from '../../options/site.ts'
import { addHelp } from '../../terminal/help.ts'
import { doctorOptions, type RawDoctor } from './options.ts'

export function defineDoctor(program: Command, start: Start): void {
  const command = program
    .command('doctor')
    .summary('whether this site can take part')
    .description(
      'Checks what a site needs, and says what to type where something is missing: Node, memory, disk, clock, data ' +
        'directory, model, text, port, addresses. With an invitation also whether the founder answers and has the ' +
        'same model. Nothing of this site is sent.',
    )
    .argument('[invitation]', 'the invitation, ADDRESS#OFFER.SECRET, as the founder printed it')
  addNoListenOption(addNetworkOptions(addWindowOptions(addTextOptions(addModelOption(command)))))
  addJsonOption(addDataOption(command))
  addHelp(command, ['coppice doctor --model base --text mine.txt --listen /ip4/0.0.0.0/tcp/4001'], [])
  command.action((line: string | undefined, raw: RawDoctor) => {
    const options = doctorOptions(line, raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).doctor(options, run))
  })
}
