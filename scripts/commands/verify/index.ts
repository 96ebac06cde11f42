/** `coppice verify`: checks the files that one peer kept, offline, down to the last bit of the model. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addJsonOption } from '../../options/output.ts'
import { addModelOption } from '../../options/site.ts'
import { addHelp } from '../../terminal/help.ts'
import { type RawVerify, verifyOptions } from './options.ts'

export function defineVerify(program: Command, start: Start): void {
  const command = program
    .command('verify')
    .summary("check a peer's results, offline")
    .description(
      'Checks every signature and hash that a peer has kept, merges the contributions again and compares the model.',
    )
    .argument('<dir>', 'the output directory of a peer')
  addJsonOption(addModelOption(command, 'directory of the base model (default: the embedded one)'))
  addHelp(
    command,
    ['coppice verify coppice-out/0a1b2c3d', 'coppice verify coppice-out/0a1b2c3d --model base'],
    ['input', 'network', 'diverged', 'output'],
  )
  command.action((directory: string, raw: RawVerify) => {
    const options = verifyOptions(directory, raw)
    return start(raw.json === true, async (run) =>
      (await import('./handler.ts')).verify(await withModel(options, run), run),
    )
  })
}
