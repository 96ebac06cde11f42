/** Options of `coppice recover`. */
import { resolve } from 'node:path'
import type { RawDryRun } from '../../options/dry-run.ts'
import { type EvaluationOptions, evaluationOptions, type RawEvaluation } from '../../options/evaluation.ts'
import type { RawOutput } from '../../options/output.ts'
import { type RawRecovery, type RecoveryOptions, recoveryOptions } from '../../options/recovery.ts'
import { type ModelOptions, modelOptions, type RawSite, type TextOptions, textOptions } from '../../options/site.ts'
import { refuseConflict, refuseMissing } from '../../options/values.ts'

export interface RecoverOptions extends ModelOptions, TextOptions {
  recovery: RecoveryOptions
  /** Absolute path of JSON lines or an array, which replaces the text; null: none. */
  instructions: string | null
  /** The most rows, taken from the text's beginning; undefined: all. */
  rows: number | undefined
  /** Tokens a window for evaluation, if --eval-window is not given. */
  window: number | undefined
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

export interface RawRecover extends RawSite, RawDryRun, RawRecovery, RawEvaluation, RawOutput {
  instructions?: string
}

export function recoverOptions(raw: RawRecover): RecoverOptions {
  const { steps, instructions, out, windows, window } = raw
  if (steps === undefined)
    refuseMissing('--steps', 'recover', 'Give --steps the number of training steps, such as 200.')
  if (out === undefined) refuseMissing('--out', 'recover', 'Give --out the directory for the recovered model.')
  if (instructions !== undefined && raw.text !== undefined)
    refuseConflict('--text and --instructions are both given', 'Give one of them, the one to learn.')
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
