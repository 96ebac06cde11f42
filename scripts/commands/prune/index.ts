/** `coppice prune`: one site prunes a model alone, on its own text. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { PrunerName, SparsityTarget } from '../../../src/form/method.ts'
import type { Start } from '../../command.ts'
import {
  addEvaluationOptions,
  type EvaluationOptions,
  evaluationOptions,
  type RawEvaluation,
} from '../../options/evaluation.ts'
import { addJsonOption, addOutOption, type RawOutput } from '../../options/output.ts'
import { addPrunerOptions, prunerOptions, type RawPruner } from '../../options/plan.ts'
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
  type WindowOptions,
  windowOptions,
} from '../../options/site.ts'
import { refuseMissing } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'

export interface PruneOptions extends ModelOptions, TextOptions, WindowOptions {
  pruner: PrunerName
  target: SparsityTarget
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

type RawPrune = RawSite & RawPruner & RawEvaluation & RawOutput

const CAPACITY_HELP = 'as for peer and join; no effect here, where one site prunes all blocks'

export function definePrune(program: Command, start: Start): void {
  const command = program
    .command('prune')
    .summary('prune a model on one site alone')
    .description('Prunes a model on one text, without any federation, and writes a model of the same form.')
  addCapacityOption(addWindowOptions(addTextOptions(addModelOption(command))), CAPACITY_HELP)
  addEvaluationOptions(addPrunerOptions(command, true))
  addJsonOption(
    addOutOption(command, 'where the pruned model goes; empty, absent, or as the same command left it (required)'),
  )
  addHelp(
    command,
    ['coppice prune --model base --text mine.txt --pruner sparsegpt --sparsity 0.5 --eval test.txt --out pruned'],
    ['input', 'output'],
  )
  command.action((raw: RawPrune) => {
    const options = pruneOptions(raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).prune(options, run))
  })
}

export function pruneOptions(raw: RawPrune): PruneOptions {
  const { pruner, target } = prunerOptions(raw, 'prune')
  if (raw.out === undefined) refuseMissing('--out', 'prune', 'Give --out the directory for the pruned model.')
  return {
    ...modelOptions(raw),
    ...textOptions(raw, 'prune', pruner !== 'magnitude'),
    ...windowOptions(raw),
    pruner,
    target,
    evaluation: evaluationOptions(raw),
    out: resolve(raw.out),
  }
}
