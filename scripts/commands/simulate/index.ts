/** `coppice simulate`: several sites on one machine, each a real peer. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { MAX_MEMBERS, MIN_MEMBERS } from '../../../protocols/plan/offer.ts'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addDryRunOption } from '../../options/dry-run.ts'
import { addEvaluationOptions } from '../../options/evaluation.ts'
import { addJsonOption, addOutOption } from '../../options/output.ts'
import { addPageOption } from '../../options/page.ts'
import { addPlanOptions } from '../../options/plan.ts'
import { addModelOption, addTextOptions, addWindowOptions } from '../../options/site.ts'
import { oneOf, PROPER_SHARE, shares, someOf, wholeNumber } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'
import {
  BASELINES,
  DEFAULT_BASELINES,
  DEFAULT_PEERS,
  MOST_PEERS_WITH_BASELINES,
  type RawSimulate,
  simulateOptions,
  TOPOLOGIES,
} from './options.ts'

export function defineSimulate(program: Command, start: Start): void {
  const command = program
    .command('simulate')
    .summary('run several sites on this machine, and compare')
    .description(
      'Runs several real peers on this machine, each with a text of its own, and compares the model that they ' +
        'make together with the model that each makes alone.',
    )
    .addOption(
      new Option('--peers <n>', `how many sites (default: ${DEFAULT_PEERS})`).argParser(
        wholeNumber('--peers', MIN_MEMBERS, MAX_MEMBERS),
      ),
    )
    .addOption(
      new Option(
        '--seed <n>',
        'keys and secret follow from it: the same command gives the same root (default: 0)',
      ).argParser(wholeNumber('--seed', 0)),
    )
  addWindowOptions(addTextOptions(addModelOption(command), 'four of its own with the embedded model')).addOption(
    new Option(
      '--capacity <shares>',
      'share of the blocks a site prunes a round, one a peer, as in 1,0.5,0.25 (default: --sample)',
    ).argParser(shares('--capacity', PROPER_SHARE)),
  )
  addEvaluationOptions(addPlanOptions(command), 'windows of each --text that are kept out')
    .addOption(
      new Option('--topology <name>', `who can reach whom: ${TOPOLOGIES.join(', ')} (default: mesh)`).argParser(
        oneOf('--topology', TOPOLOGIES),
      ),
    )
    .addOption(
      new Option(
        '--baselines <names>',
        `models to compare with: ${BASELINES.join(',')} or none; l0 is the same sites by votes, beside --merge pooled ` +
          `(default: ${DEFAULT_BASELINES.join(',')} up to ${MOST_PEERS_WITH_BASELINES} peers)`,
      ).argParser(someOf('--baselines', BASELINES, 'none')),
    )
    .option('--processes', 'one process a peer, instead of all in one')
  addDryRunOption(command)
  addJsonOption(
    addPageOption(addOutOption(command, 'directory for the results: empty or absent (default: coppice-out/ID)')),
  )
  addHelp(
    command,
    [
      'coppice simulate --pruner wanda --sparsity 0.6',
      'coppice simulate --peers 3 --model base --text hospital.txt court.txt school.txt --eval test.txt',
    ],
    ['input', 'network', 'noAgreement', 'diverged', 'output'],
  )
  command.action((raw: RawSimulate) => {
    const options = simulateOptions(raw)
    return start(raw.json === true, async (run) => {
      const given = await withModel(options, run)
      if (raw.dryRun === true) return (await import('./forecast.ts')).forecastSimulate(given, run)
      return (await import('./handler.ts')).simulate(given, run)
    })
  })
}
