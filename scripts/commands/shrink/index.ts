/** `coppice shrink`: removes whole heads and channels, so that the model is smaller and faster. */
import { type Command, Option } from 'commander'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addDryRunOption } from '../../options/dry-run.ts'
import { addEvaluationOptions } from '../../options/evaluation.ts'
import { addJsonOption, addOutOption } from '../../options/output.ts'
import { addPageOption } from '../../options/page.ts'
import { stepsOption } from '../../options/recovery.ts'
import { addModelOption, addTextOptions, addWindowOptions } from '../../options/site.ts'
import { groupQueriesOption } from '../../options/structure.ts'
import { oneOf, RATIO, range, share, wholeNumber } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'
import { GRANULARITY_WORDS, IMPORTANCES, type RawShrink, REDUCTIONS, shrinkOptions } from './options.ts'

/**
 * The most removal steps. Each goes through the whole calibration text, and with more a step would remove less than a
 * percent of the total.
 */
const MAX_REMOVAL_STEPS = 100

export function defineShrink(program: Command, start: Start): void {
  const command = program
    .command('shrink')
    .summary('remove heads and channels, or whole blocks: a smaller, faster model')
    .description(
      'Removes from each block the attention heads and channels that matter least to its loss on a text (LLM-Pruner), or whole blocks, or hidden channels of the whole model, and writes a smaller model.',
    )
  addWindowOptions(addTextOptions(addModelOption(command)))
  command
    .addOption(
      new Option(
        '--ratio <r>',
        'share to remove: of the heads and channels of each block, of the blocks, or of the hidden channels (required, or --parameters)',
      ).argParser(share('--ratio', RATIO)),
    )
    .addOption(
      new Option(
        '--parameters <p>',
        'instead of --ratio: share of all parameters to keep; a search chooses what to remove, and for heads and channels --refit is on',
      ).argParser(share('--parameters', RATIO)),
    )
    .option('--refit', 'fit the layers that read removed heads and channels again, by least squares on the text')
    .addOption(
      new Option(
        '--granularity <name>',
        "heads-and-channels of blocks, whole blocks, or hidden-channels of the whole model (default: heads-and-channels); the paper's names block, layer and channel work too",
      ).argParser(oneOf('--granularity', GRANULARITY_WORDS)),
    )
    .addOption(
      new Option(
        '--steps <n>',
        'number of removal steps; importance is measured again after each (default: 1)',
      ).argParser(wholeNumber('--steps', 1, MAX_REMOVAL_STEPS)),
    )
    .addOption(groupQueriesOption())
    .option(
      '--uniform',
      'keep all blocks alike and write model.safetensors beside the graph, so that Hugging Face tools load the result',
    )
    .addOption(new Option('--blocks <a:b>', 'blocks A to B-1 (default: all)').argParser(range('--blocks')))
    .addOption(
      new Option('--importance <name>', `${IMPORTANCES.join(', ')} (default: ${IMPORTANCES[0]})`).argParser(
        oneOf('--importance', IMPORTANCES),
      ),
    )
    .addOption(
      new Option(
        '--reduce <name>',
        `how scores of coupled places are combined: ${REDUCTIONS.join(', ')} (default: ${REDUCTIONS[0]})`,
      ).argParser(oneOf('--reduce', REDUCTIONS)),
    )
    .addOption(
      stepsOption('--recover', 'the most steps of training afterwards, as coppice recover does (default: none)'),
    )
    .option('--recover-text <file...>', 'texts for that training (default: those of --text)')
    .addOption(new Option('--seed <n>', 'seed of --importance random (default: 0)').argParser(wholeNumber('--seed', 0)))
  addEvaluationOptions(command)
  addDryRunOption(command)
  addJsonOption(
    addPageOption(
      addOutOption(
        command,
        'directory for the smaller model: empty, absent, or with --recover as the same command left it (required)',
      ),
    ),
  )
  addHelp(
    command,
    ['coppice shrink --model base --text mine.txt --ratio 0.25 --blocks 4:26 --windows 10 --window 64 --out smaller'],
    ['input', 'network', 'output'],
  )
  command.action((raw: RawShrink) => {
    const options = shrinkOptions(raw)
    return start(raw.json === true, async (run) => {
      const given = await withModel(options, run)
      if (raw.dryRun === true) return (await import('./forecast.ts')).forecastShrink(given, run)
      return (await import('./handler.ts')).shrink(given, run)
    })
  })
}
