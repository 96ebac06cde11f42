/** `coppice bundle`: the results of a federation as one file, for whoever is to check them. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addJsonOption } from '../../options/output.ts'
import { notEmpty } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'
import { bundleOptions, type RawBundle } from './options.ts'

export function defineBundle(program: Command, start: Start): void {
  const command = program
    .command('bundle')
    .summary('one file to send to an auditor')
    .description(
      'Packs what verify needs into one file: plan, certificates, contributions, model and reports; no key, no text, no log.',
    )
    .argument('<dir>', 'the output directory of a peer, or of simulate')
    .option('--out <file>', 'the file (default: coppice-ID.tar.gz)', notEmpty('--out', 'a file'))
  addJsonOption(command)
  addHelp(
    command,
    ['coppice bundle coppice-out/0a1b2c3d', 'coppice bundle coppice-out/0a1b2c3d --out for-the-auditor.tar.gz'],
    ['input', 'output'],
  )
  command.action((directory: string, raw: RawBundle) =>
    start(raw.json === true, async (run) => (await import('./handler.ts')).bundle(bundleOptions(directory, raw), run)),
  )
}
