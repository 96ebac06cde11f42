/** Trains the adapters of a recovery, for `recover` and `shrink`. */

import { OutputError } from '../../src/base/errors.ts'
import type { Windows } from '../../src/form/windows.ts'
import type { RecoveredModel } from '../../src/jobs/structure/recover.ts'
import type { RecoverArgs } from '../../src/jobs/structure/recover-args.ts'
import { textName } from '../../src/model/text/refusals.ts'
import { filesSource, someWindows } from '../../src/model/text/text.ts'
import { assertEnoughRows } from '../../src/recover/rows.ts'
import { TRAINING_RECORD } from '../../src/recover/training-record.ts'
import type { RecoveryOptions } from '../options/recovery.ts'
import type { TextOptions } from '../options/site.ts'
import { InterruptedError } from '../terminal/interruption.ts'
import { counted, grouped, perplexityText } from '../terminal/numbers.ts'
import { drained, type EngineRun, labelled } from './engine.ts'
import { tokenise } from './texts.ts'

/** The sentence for the card of a model that was recovered. */
export const RECOVERED =
  'Adapters of low rank were trained for all layers and added to their weights; zeros of pruned layers stayed zeros.'

/** The text that is learnt. */
export interface RecoveryText {
  /** The text's name, for messages. */
  name: string
  rows: Windows
  /** The number of instructions that left no room for their answer. */
  skipped: number
}

/** Checks the number of rows before anything is evaluated. @throws {InputError} TEXT_SHORT */
function enough(text: RecoveryText): RecoveryText {
  assertEnoughRows(text.rows, text.name)
  return text
}

/** The rows of a text: all, or the first `rows` of them. @throws {InputError} TEXT_SHORT */
export async function textRows(
  work: EngineRun,
  dir: string,
  { texts, separator }: TextOptions,
  { length, rows }: { length: number; rows?: number },
): Promise<RecoveryText> {
  const source = filesSource(texts)
  const { name } = source
  const wanted = rows === undefined ? undefined : rows * length
  const { windows } = await tokenise(work, { dir, source, separator, window: length, wanted })
  return enough({ name, rows: windows, skipped: 0 })
}

/**
 * The rows of instructions: all, or the first `rows` of them.
 * @throws {InputError} INSTRUCTIONS_JSONL, INSTRUCTIONS_LONG, TEXT_SHORT
 */
export async function readInstructions(
  work: EngineRun,
  dir: string,
  path: string,
  { length, rows: most }: { length: number; rows?: number },
): Promise<RecoveryText> {
  const name = textName(path)
  const { rows, skipped } = await labelled(work, `Tokenising ${name}`, 'instructions', { dir, path, length })
  const some = most === undefined ? rows : someWindows(rows, 0, Math.min(most, rows.count))
  return enough({ name, rows: some, skipped })
}

/** The directory in an output's scratch that holds the checkpoint of a recovery. */
export const TRAINING_NAME = 'training'

interface TrainedModel extends RecoveredModel {
  settings: RecoverArgs['settings']
}

/** The seed of the adapters' first values: any number will do. */
const SEED = 0

/**
 * Trains adapters, or continues an interrupted training.
 * @param out - directory of the checkpoint and of the recovered weights
 * @param kept - name of the checkpoint's place, for messages
 */
export async function trained(
  work: EngineRun,
  { dir, hash }: { dir: string; hash: Uint8Array },
  { name, rows }: RecoveryText,
  { recovery, out, kept }: { recovery: RecoveryOptions; out: string; kept: string },
): Promise<TrainedModel> {
  const { terminal } = work
  const { steps, rank, alpha, rate, batch } = recovery
  const settings = { steps, rank, alpha, rate, batch, seed: SEED }
  const job: RecoverArgs = { ...{ dir, rows, name, settings, out }, modelHash: hash }
  const done = await labelled(work, 'Looking for earlier steps', 'unrecovered', job)
  if (done > 0) terminal.note(`${counted(done, 'step')} of ${grouped(steps)} are done already: going on from there`)
  try {
    const recovered = await drained(work, { label: 'Recovering', unit: 'step' }, 'recover', job, (event) => {
      if (event.type === 'look')
        terminal.note(
          `Perplexity on the held-out rows, after ${counted(event.look.step, 'step')}: ${perplexityText(event.look.perplexity)}`,
        )
    })
    return { ...recovered, settings }
  } catch (error) {
    if (!TRAINING_RECORD.liesIn(out)) throw error
    const hint = `Kept: the training so far, in ${kept}. To go on: the same command.`
    if (error instanceof InterruptedError) throw error.withHint(hint)
    if (!(error instanceof OutputError)) terminal.note(hint)
    throw error
  }
}

/** The result of a recovery in lines. */
export function recoveryInWords({ steps, best, before, settings, heldLayers, rows }: TrainedModel): string[] {
  const early =
    steps < settings.steps ? ` (training ended early, at step ${grouped(steps)} of ${grouped(settings.steps)})` : ''
  const on = `on ${counted(rows.keptOut, 'held-out row')}`
  const change = `perplexity ${on} ${perplexityText(before.perplexity)} -> ${perplexityText(best.perplexity)}`
  return [
    best.step === 0
      ? `No step lowered the perplexity ${on}: the weights are as they were.`
      : `Kept the adapters of step ${grouped(best.step)}${early}: ${change}.`,
    ...(heldLayers === 0 ? [] : [`All zeros of ${counted(heldLayers, 'pruned layer')} stayed zeros.`]),
  ]
}
