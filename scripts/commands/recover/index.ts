/** `coppice recover`: trains a model again after something was removed from it. */
import type { Command } from 'commander'
import { MAX_WINDOW } from '../../../protocols/plan/offer.ts'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addDryRunOption } from '../../options/dry-run.ts'
import { addEvaluationOptions } from '../../options/evaluation.ts'
import { addJsonOption, addOutOption } from '../../options/output.ts'
import { addRecoveryOptions } from '../../options/recovery.ts'
import { addModelOption, addTextOptions, addWindowOptions } from '../../options/site.ts'
import { notEmpty } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'
import { type RawRecover, recoverOptions } from './options.ts'

export function defineRecover(program: Command, start: Start): void {
  const command = program
    .command('recover')
    .summary('train a pruned or smaller model again, for a little while')
    .description(
      'Trains low-rank adapters (LoRA) of all layers on a text, adds them to the weights and writes a model of the same form. Zeros of pruned layers stay zeros.',
    )
  addTextOptions(addModelOption(command)).option(
    '--instructions <file>',
    'instead of a text: JSON lines, or one array, of {"instruction", "input", "output"}; answers alone are learnt',
    notEmpty('--instructions', 'a file'),
  )
  addRecoveryOptions(command, MAX_WINDOW)
  addWindowOptions(command, {
    windows: 'the most rows, taken from the beginning of the text (default: all)',
    window:
      'tokens a window if --eval-window is not given (default: 512, or the longest window of the model if that is less)',
  })
  addEvaluationOptions(command)
  addDryRunOption(command)
  addJsonOption(
    addOutOption(
      command,
      'directory for the recovered model: empty, absent, or as the same command left it (required)',
    ),
  )
  addHelp(
    command,
    ['coppice recover --model smaller --text mine.txt --steps 200 --eval test.txt --out recovered'],
    ['input', 'network', 'output'],
  )
  command.action((raw: RawRecover) => {
    const options = recoverOptions(raw)
    return start(raw.json === true, async (run) => {
      const given = await withModel(options, run)
      if (raw.dryRun === true) return (await import('./forecast.ts')).forecastRecover(given, run)
      return (await import('./handler.ts')).recover(given, run)
    })
  })
}
