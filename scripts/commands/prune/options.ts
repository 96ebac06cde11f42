/** Options of `coppice prune`. */
import { resolve } from 'node:path'
import type { PrunerName, SparsityTarget } from '../../../src/form/method.ts'
import type { RawDryRun } from '../../options/dry-run.ts'
import { type EvaluationOptions, evaluationOptions, type RawEvaluation } from '../../options/evaluation.ts'
import type { RawOutput } from '../../options/output.ts'
import { type PageOptions, pageOption } from '../../options/page.ts'
import { prunerOptions, type RawPruner } from '../../options/plan.ts'
import {
  type ModelOptions,
  modelOptions,
  type RawSite,
  type TextOptions,
  textOptions,
  type WindowOptions,
  windowOptions,
} from '../../options/site.ts'
import { refuseMissing } from '../../options/values.ts'

export interface PruneOptions extends ModelOptions, TextOptions, WindowOptions, PageOptions {
  pruner: PrunerName
  target: SparsityTarget
  evaluation: EvaluationOptions
  /** Absolute path. */
  out: string
}

export type RawPrune = RawSite & RawPruner & RawEvaluation & RawOutput & RawDryRun

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
    ...pageOption(raw),
  }
}
