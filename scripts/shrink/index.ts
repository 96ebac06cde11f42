/** `coppice shrink`: removes whole heads and channels, so that the model is smaller and faster. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { ppmToFraction } from '../../src/decimal.ts'
import type { Importance, Reduction } from '../../src/structure/importance.ts'
import {
  addEvaluationOptions,
  type EvaluationOptions,
  evaluationOptions,
  type RawEvaluation,
} from '../options/evaluation.ts'
import { addJsonOption, addOutOption, type RawOutput } from '../options/output.ts'
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
import { oneOf, range, refuseMissing, type ShareRange, share } from '../options/values.ts'
import type { Start } from '../program.ts'
import { addHelp } from '../terminal/help.ts'

const IMPORTANCES = ['taylor1', 'taylor2', 'vector', 'l2'] as const satisfies Importance[]
const REDUCTIONS = ['sum', 'max'] as const satisfies Reduction[]
const RATIO: ShareRange = { min: 1, max: 999_999, words: 'above 0 and below 1' }
const CAPACITY_HELP = 'as for peer and join; no effect here'

export interface ShrinkOptions extends ModelOptions, TextOptions, WindowOptions {
  /** Of the places of each structure. */
  ratio: number
  /** First block, and the one behind the last; undefined: all blocks. */
  blocks: [from: number, to: number] | undefined
  importance: Importance
  reduction: Reduction
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

interface RawShrink extends RawSite, RawEvaluation, RawOutput {
  /** In ppm. */
  ratio?: number
  blocks?: [from: number, to: number]
  importance?: Importance
  reduce?: Reduction
}

export function defineShrink(program: Command, start: Start): void {
  const command = program
    .command('shrink')
    .summary('remove whole heads and channels: a smaller, faster model')
    .description(
      'Removes from each block the attention heads and channels that matter least to its loss on a text (LLM-Pruner), and writes a smaller model.',
    )
  addCapacityOption(addWindowOptions(addTextOptions(addModelOption(command))), CAPACITY_HELP)
  command
    .addOption(
      new Option('--ratio <r>', 'share of the heads and channels of each block that goes (required)').argParser(
        share('--ratio', RATIO),
      ),
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
  addEvaluationOptions(command)
  addJsonOption(addOutOption(command, 'where the smaller model goes; empty or absent (required)'))
  addHelp(
    command,
    ['coppice shrink --model base --text mine.txt --ratio 0.25 --blocks 4:26 --windows 10 --window 64 --out smaller'],
    ['input', 'output'],
  )
  command.action((raw: RawShrink) => {
    const options = shrinkOptions(raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).shrink(options, run))
  })
}

export function shrinkOptions(raw: RawShrink): ShrinkOptions {
  const { ratio, blocks, importance = IMPORTANCES[0], reduce = REDUCTIONS[0], out } = raw
  if (ratio === undefined) refuseMissing('--ratio', 'shrink', 'Give --ratio a share above 0 and below 1, such as 0.25.')
  if (out === undefined) refuseMissing('--out', 'shrink', 'Give --out the directory for the smaller model.')
  return {
    ...modelOptions(raw),
    ...textOptions(raw, 'shrink', importance !== 'l2'),
    ...windowOptions(raw),
    ratio: ppmToFraction(ratio),
    blocks,
    importance,
    reduction: reduce,
    evaluation: evaluationOptions(raw),
    out: resolve(out),
  }
}
