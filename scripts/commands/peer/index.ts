/** `coppice peer`: founds a federation and takes part in it. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { MAX_MEMBERS, MIN_MEMBERS } from '../../../protocols/plan/offer.ts'
import type { Start } from '../../command.ts'
import { addWatchOptions } from '../../operate/options.ts'
import { addSiteOptions } from '../../options/data.ts'
import { addDryRunOption } from '../../options/dry-run.ts'
import { addNetworkOptions } from '../../options/network.ts'
import { addJsonOptions, addOutOption, jsonForm } from '../../options/output.ts'
import { addPageOption } from '../../options/page.ts'
import { addPlanOptions } from '../../options/plan.ts'
import { addCapacityOption, addModelOption, addTextOptions, addWindowOptions } from '../../options/site.ts'
import { addSiteEvaluationOptions } from '../../options/site-evaluation.ts'
import { wholeNumber } from '../../options/values.ts'
import { addYesOption } from '../../options/yes.ts'
import { addHelp } from '../../terminal/help.ts'
import { peerOptions, type RawPeer } from './options.ts'

export function definePeer(program: Command, start: Start): void {
  const command = program
    .command('peer')
    .summary('found a federation and take part')
    .description(
      'Founds a federation: prints one line for the other sites to paste, waits for them, and takes part. Given again, goes on with it.',
    )
    .addOption(
      new Option('--members <n>', 'how many sites, this one included').argParser(
        wholeNumber('--members', MIN_MEMBERS, MAX_MEMBERS),
      ),
    )
  command.option('--new', 'found another federation, where this command would go on with an unfinished one')
  addCapacityOption(addWindowOptions(addTextOptions(addModelOption(command))))
  addNetworkOptions(addPlanOptions(command))
  addSiteEvaluationOptions(command)
  addDryRunOption(command)
  addJsonOptions(
    addPageOption(
      addOutOption(
        addYesOption(addSiteOptions(addWatchOptions(command))),
        'directory for the results: empty or absent (default: coppice-out/ID)',
      ),
    ),
  )
  addHelp(
    command,
    ['coppice peer --members 4 --model base --text mine.txt --sparsity 0.5'],
    ['input', 'refused', 'network', 'noAgreement', 'diverged', 'output'],
  )
  command.action((raw: RawPeer) => {
    const options = peerOptions(raw)
    if (raw.dryRun === true)
      return start(jsonForm(raw) !== false, async (run) => (await import('./forecast.ts')).forecastPeer(options, run))
    return start(jsonForm(raw), async (run) => (await import('./handler.ts')).peer(options, run))
  })
}
