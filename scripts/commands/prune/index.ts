/** `coppice prune`: one site prunes a model alone, on its own text. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addDryRunOption } from '../../options/dry-run.ts'
import { addEvaluationOptions } from '../../options/evaluation.ts'
import { addJsonOption, addOutOption } from '../../options/output.ts'
import { addPageOption } from '../../options/page.ts'
import { addPrunerOptions } from '../../options/plan.ts'
import { addModelOption, addTextOptions, addWindowOptions } from '../../options/site.ts'
import { addHelp } from '../../terminal/help.ts'
import { pruneOptions, type RawPrune } from './options.ts'

export function definePrune(program: Command, start: Start): void {
  const command = program
    .command('prune')
    .summary('prune a model on one site alone')
    .description('Prunes a model on one text, without any federation, and writes a model of the same form.')
  addWindowOptions(addTextOptions(addModelOption(command)))
  addEvaluationOptions(addPrunerOptions(command, true))
  addDryRunOption(command)
  addJsonOption(
    addPageOption(
      addOutOption(command, 'directory for the pruned model: empty, absent, or as the same command left it (required)'),
    ),
  )
  addHelp(
    command,
    ['coppice prune --model base --text mine.txt --pruner sparsegpt --sparsity 0.5 --eval test.txt --out pruned'],
    ['input', 'network', 'output'],
  )
  command.action((raw: RawPrune) => {
    const options = pruneOptions(raw)
    return start(raw.json === true, async (run) => {
      const given = await withModel(options, run)
      if (raw.dryRun === true) return (await import('./forecast.ts')).forecastPrune(given, run)
      return (await import('./handler.ts')).prune(given, run)
    })
  })
}
