/** `coppice recover`: trains a model again after something was removed from it. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { MAX_WINDOW } from '../../../protocols/plan/offer.ts'
import type { Start } from '../../command.ts'
import {
  addEvaluationOptions,
  type EvaluationOptions,
  evaluationOptions,
  type RawEvaluation,
} from '../../options/evaluation.ts'
import { addJsonOption, addOutOption, type RawOutput } from '../../options/output.ts'
import { addRecoveryOptions, type RawRecovery, type RecoveryOptions, recoveryOptions } from '../../options/recovery.ts'
import {
  addCapacityOption,
  addModelOption,
  addTextOptions,
  addWindowOptions,
  type ModelOptions,
  modelOptions,
  type RawSite,
  type TextOptions,
  textOptions,
} from '../../options/site.ts'
import { notEmpty, refuseConflict, refuseMissing } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'

export interface RecoverOptions extends ModelOptions, TextOptions {
  recovery: RecoveryOptions
  /** Absolute path of JSON lines or an array, which then stands in for the text; null: none. */
  instructions: string | null
  /** Rows that are taken from the text's beginning at most; undefined: all. */
  rows: number | undefined
  /** For evaluation, where it is given none of its own. */
  window: number | undefined
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

interface RawRecover extends RawSite, RawRecovery, RawEvaluation, RawOutput {
  instructions?: string
}

const CAPACITY_HELP = 'as for peer and join; no effect here'

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
  addCapacityOption(
    addWindowOptions(command, {
      windows: 'rows that are taken from the beginning of the text at most (default: all)',
      window:
        'tokens a window where --eval-window says nothing (default: 512, or what the model takes if that is less)',
    }),
    CAPACITY_HELP,
  )
  addEvaluationOptions(command)
  addJsonOption(
    addOutOption(command, 'where the recovered model goes; empty, absent, or as the same command left it (required)'),
  )
  addHelp(
    command,
    ['coppice recover --model smaller --text mine.txt --steps 200 --eval test.txt --out recovered'],
    ['input', 'output'],
  )
  command.action((raw: RawRecover) => {
    const options = recoverOptions(raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).recover(options, run))
  })
}

function recoverOptions(raw: RawRecover): RecoverOptions {
  const { steps, instructions, out, windows, window } = raw
  if (steps === undefined) refuseMissing('--steps', 'recover', 'Give --steps how long to train, such as 200.')
  if (out === undefined) refuseMissing('--out', 'recover', 'Give --out the directory for the recovered model.')
  if (instructions !== undefined && raw.text !== undefined)
    refuseConflict('--text and --instructions are both given', 'Give one of them: what is to be learnt.')
  return {
    ...modelOptions(raw),
    ...textOptions(raw, 'recover', instructions === undefined),
    recovery: recoveryOptions(steps, raw),
    instructions: instructions === undefined ? null : resolve(instructions),
    rows: windows,
    window,
    evaluation: evaluationOptions(raw),
    out: resolve(out),
  }
}
