/** `coppice join`: takes part in a federation that another site has founded. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addWatchOptions } from '../../operate/options.ts'
import { addSiteOptions } from '../../options/data.ts'
import { addDryRunOption } from '../../options/dry-run.ts'
import { addNetworkOptions, addNoListenOption } from '../../options/network.ts'
import { addJsonOptions, addOutOption, jsonForm } from '../../options/output.ts'
import { addPageOption } from '../../options/page.ts'
import { refusePlanOptions } from '../../options/plan.ts'
import { addCapacityOption, addModelOption, addTextOptions } from '../../options/site.ts'
import { addSiteEvaluationOptions } from '../../options/site-evaluation.ts'
import { addYesOption } from '../../options/yes.ts'
import { addHelp } from '../../terminal/help.ts'
import { joinOptions, type RawJoin } from './options.ts'

export function defineJoin(program: Command, start: Start): void {
  const command = program
    .command('join')
    .summary('take part in a federation')
    .description(
      'Joins the federation of an invitation. Shows the plan and what will leave this site, asks, and takes part.',
    )
    .argument('[invitation]', 'ADDRESS#OFFER.SECRET, as the founder printed it')
  addCapacityOption(addTextOptions(addModelOption(refusePlanOptions(command))))
  addNoListenOption(addNetworkOptions(command))
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
    ['coppice join /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo...#OFFER.SECRET --model base --text mine.txt'],
    ['input', 'refused', 'network', 'noAgreement', 'diverged', 'output'],
  )
  command.action((address: string | undefined, raw: RawJoin) => {
    const options = joinOptions(address, raw)
    if (raw.dryRun === true)
      return start(jsonForm(raw) !== false, async (run) => (await import('./forecast.ts')).forecastJoin(options, run))
    return start(jsonForm(raw), async (run) => (await import('./handler.ts')).join(options, run))
  })
}
