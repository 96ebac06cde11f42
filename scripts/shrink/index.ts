/** `coppice shrink`: removes whole heads and channels, so that the model is smaller and faster. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { ppmToFraction } from '../../src/decimal.ts'
import type { Granularity } from '../../src/engine/jobs.ts'
import type { Fluctuation } from '../../src/structure/fluctuation.ts'
import type { Importance, Reduction } from '../../src/structure/importance.ts'
import {
  addEvaluationOptions,
  type EvaluationOptions,
  evaluationOptions,
  type RawEvaluation,
} from '../options/evaluation.ts'
import { addJsonOption, addOutOption, type RawOutput } from '../options/output.ts'
import { type RecoveryOptions, recoveryOptions, stepsOption } from '../options/recovery.ts'
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
} from '../options/site.ts'
import { oneOf, RATIO, range, refuseConflict, refuseMissing, share } from '../options/values.ts'
import type { Start } from '../program.ts'
import { addHelp } from '../terminal/help.ts'
import { shrink } from './handler.ts'

const GRANULARITIES = ['block', 'layer'] as const satisfies Granularity[]
const FLUCTUATIONS = ['flap', 'flap-adaptive'] as const satisfies Fluctuation[]
const IMPORTANCES = [
  ...(['taylor1', 'taylor2', 'vector', 'l2'] as const satisfies Importance[]),
  ...FLUCTUATIONS,
] as const
const REDUCTIONS = ['sum', 'max'] as const satisfies Reduction[]
const CAPACITY_HELP = 'as for peer and join; no effect here'

export interface ShrinkOptions extends ModelOptions, TextOptions, WindowOptions {
  granularity: Granularity
  /** Of the places of each structure, or of the blocks of the range. */
  ratio: number
  /** First block, and the one behind the last; undefined: all blocks. */
  blocks: [from: number, to: number] | undefined
  importance: Importance | Fluctuation
  reduction: Reduction
  /** null: what is smaller is not trained again. */
  recovery: RecoveryOptions | null
  /** What it learns. */
  recoveryText: TextOptions
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

interface RawShrink extends RawSite, RawEvaluation, RawOutput {
  granularity?: Granularity
  /** In ppm. */
  ratio?: number
  blocks?: [from: number, to: number]
  importance?: Importance | Fluctuation
  reduce?: Reduction
  recover?: number
  recoverText?: string[]
}

export function defineShrink(program: Command, start: Start): void {
  const command = program
    .command('shrink')
    .summary('remove heads and channels, or whole blocks: a smaller, faster model')
    .description(
      'Removes from each block the attention heads and channels that matter least to its loss on a text (LLM-Pruner), or whole blocks, and writes a smaller model.',
    )
  addCapacityOption(addWindowOptions(addTextOptions(addModelOption(command))), CAPACITY_HELP)
  command
    .addOption(
      new Option(
        '--ratio <r>',
        'share that goes: of the heads and channels of each block, or of the blocks (required)',
      ).argParser(share('--ratio', RATIO)),
    )
    .addOption(
      new Option(
        '--granularity <name>',
        'block: heads and channels of blocks; layer: whole blocks (default: block)',
      ).argParser(oneOf('--granularity', GRANULARITIES)),
    )
    .addOption(
      new Option('--blocks <a:b>', 'blocks from A up to B, which stays whole (default: all)').argParser(
        range('--blocks'),
      ),
    )
    .addOption(
      new Option('--importance <name>', `${IMPORTANCES.join(', ')} (default: ${IMPORTANCES[0]})`).argParser(
        oneOf('--importance', IMPORTANCES),
      ),
    )
    .addOption(
      new Option(
        '--reduce <name>',
        `over what is coupled: ${REDUCTIONS.join(', ')} (default: ${REDUCTIONS[0]})`,
      ).argParser(oneOf('--reduce', REDUCTIONS)),
    )
    .addOption(
      stepsOption('--recover', 'steps of training afterwards at most, as coppice recover does (default: none)'),
    )
    .option('--recover-text <file...>', 'texts that are learnt then (default: those of --text)')
  addEvaluationOptions(command)
  addJsonOption(
    addOutOption(
      command,
      'where the smaller model goes; empty, absent, or with --recover as the same command left it (required)',
    ),
  )
  addHelp(
    command,
    ['coppice shrink --model base --text mine.txt --ratio 0.25 --blocks 4:26 --windows 10 --window 64 --out smaller'],
    ['input', 'output'],
  )
  command.action((raw: RawShrink) => {
    const options = shrinkOptions(raw)
    return start(raw.json === true, (run) => shrink(options, run))
  })
}

export function shrinkOptions(raw: RawShrink): ShrinkOptions {
  const { ratio, blocks, granularity = GRANULARITIES[0], importance = IMPORTANCES[0], recover, out } = raw
  if (ratio === undefined) refuseMissing('--ratio', 'shrink', 'Give --ratio a share above 0 and below 1, such as 0.25.')
  if (out === undefined) refuseMissing('--out', 'shrink', 'Give --out the directory for the smaller model.')
  const fluctuates = FLUCTUATIONS.some((name) => name === importance)
  if (raw.reduce !== undefined && (granularity === 'layer' || fluctuates)) {
    refuseConflict(
      '--reduce says how what is coupled counts together, which neither whole blocks nor FLAP ask',
      'Leave out --reduce.',
    )
  }
  if (granularity === 'layer' && fluctuates)
    refuseConflict(
      `--importance ${importance} scores heads and channels, not whole blocks`,
      'Take another --importance.',
    )
  if (raw.recoverText !== undefined && recover === undefined)
    refuseConflict('--recover-text is given without --recover', 'Give --recover the number of steps as well.')
  const site = textOptions(raw, 'shrink', importance !== 'l2')
  const text = raw.recoverText ?? raw.text
  return {
    ...modelOptions(raw),
    ...site,
    recovery: recover === undefined ? null : recoveryOptions(recover),
    recoveryText: recover === undefined ? site : textOptions({ ...raw, text }, 'shrink --recover', true),
    ...windowOptions(raw),
    ratio: ppmToFraction(ratio),
    blocks,
    granularity,
    importance,
    reduction: raw.reduce ?? REDUCTIONS[0],
    evaluation: evaluationOptions(raw),
    out: resolve(out),
  }
}
