/** Options of `coppice shrink`. */
import { resolve } from 'node:path'
import type { Granularity, Shrink } from '../../../src/jobs/structure/shrink-args.ts'
import type { Amount } from '../../../src/structure/choose/amount.ts'
import type { Fluctuation } from '../../../src/structure/choose/fluctuation.ts'
import type { Criterion, Reduction } from '../../../src/structure/choose/importance.ts'
import type { GroupQueries } from '../../../src/structure/find/walk.ts'
import type { RawDryRun } from '../../options/dry-run.ts'
import { type EvaluationOptions, evaluationOptions, type RawEvaluation } from '../../options/evaluation.ts'
import type { RawOutput } from '../../options/output.ts'
import { type PageOptions, pageOption } from '../../options/page.ts'
import { type RecoveryOptions, recoveryOptions } from '../../options/recovery.ts'
import {
  type ModelOptions,
  modelOptions,
  type RawSite,
  type TextOptions,
  textOptions,
  type WindowOptions,
  windowOptions,
} from '../../options/site.ts'
import { GROUP_QUERIES } from '../../options/structure.ts'
import { refuseConflict, refuseMissing } from '../../options/values.ts'
import { refuseForbidden } from './forbidden.ts'

/** The words of --granularity, followed by those of the LLM-Pruner paper, which calls a block a layer. */
const GRANULARITY_OF = {
  'heads-and-channels': 'heads-and-channels',
  blocks: 'blocks',
  'hidden-channels': 'hidden-channels',
  block: 'heads-and-channels',
  layer: 'blocks',
  channel: 'hidden-channels',
} as const satisfies Record<string, Granularity>
type GranularityWord = keyof typeof GRANULARITY_OF

export const GRANULARITY_WORDS = Object.keys(GRANULARITY_OF) as GranularityWord[]

const FLUCTUATIONS = ['flap', 'flap-adaptive'] as const satisfies Fluctuation[]

export const IMPORTANCES = [
  ...(['taylor1', 'taylor2', 'vector', 'l2', 'random'] as const satisfies Criterion[]),
  ...FLUCTUATIONS,
] as const

export const REDUCTIONS = ['sum', 'max'] as const satisfies Reduction[]

export interface ShrinkOptions extends ModelOptions, TextOptions, WindowOptions, PageOptions {
  what: Shrink
  /** Options as they were given. Only the model shows whether they fit together. */
  given: { granularity: GranularityWord; blocks: [from: number, to: number] | undefined }
  /** null: the smaller model is not trained. */
  recovery: RecoveryOptions | null
  /** The text for that training. */
  recoveryText: TextOptions
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

export interface RawShrink extends RawSite, RawDryRun, RawEvaluation, RawOutput {
  granularity?: GranularityWord
  /** In ppm. */
  ratio?: number
  /** In ppm. */
  parameters?: number
  refit?: boolean
  steps?: number
  groupQueries?: GroupQueries
  uniform?: boolean
  blocks?: [from: number, to: number]
  importance?: Criterion | Fluctuation
  seed?: number
  reduce?: Reduction
  recover?: number
  recoverText?: string[]
}

/** @throws {UsageError} USAGE_MISSING, USAGE_CONFLICT */
function amountOf({ ratio, parameters }: RawShrink): Amount {
  if (ratio !== undefined && parameters !== undefined)
    refuseConflict('--ratio and --parameters exclude each other', 'Give one of the two.')
  if (parameters !== undefined) return { left: parameters }
  if (ratio !== undefined) return { gone: ratio }
  return refuseMissing(
    '--ratio',
    'shrink',
    'Give --ratio the share to remove, such as 0.25, or --parameters the share to keep, such as 0.8.',
  )
}

/** @throws {UsageError} USAGE_MISSING, USAGE_CONFLICT */
export function shrinkOptions(raw: RawShrink): ShrinkOptions {
  const { granularity = GRANULARITY_WORDS[0], importance = IMPORTANCES[0], recover, out } = raw
  const amount = amountOf(raw)
  if (out === undefined) refuseMissing('--out', 'shrink', 'Give --out the directory for the smaller model.')
  refuseForbidden({ ...raw, word: granularity, granularity: GRANULARITY_OF[granularity], importance })
  const what = shrinkOf(raw, GRANULARITY_OF[granularity], importance, amount)
  const refits = 'refit' in what && what.refit
  const site = textOptions(raw, 'shrink', refits || (importance !== 'l2' && importance !== 'random'))
  const text = raw.recoverText ?? raw.text
  return {
    ...modelOptions(raw),
    ...site,
    recovery: recover === undefined ? null : recoveryOptions(recover),
    recoveryText: recover === undefined ? site : textOptions({ ...raw, text }, 'shrink --recover', true),
    ...windowOptions(raw),
    what,
    given: { granularity, blocks: raw.blocks },
    evaluation: evaluationOptions(raw),
    out: resolve(out),
    ...pageOption(raw),
  }
}

/** Makes the arguments of the job. The options do not exclude each other. */
function shrinkOf(
  { reduce: reduction = REDUCTIONS[0], seed = 0, steps = 1, refit, uniform = false, ...raw }: RawShrink,
  granularity: Granularity,
  importance: Criterion | Fluctuation,
  amount: Amount,
): Shrink {
  const { groupQueries = GROUP_QUERIES[0], blocks = null } = raw
  if (importance === 'flap' || importance === 'flap-adaptive') {
    if (!('gone' in amount)) throw forbidden()
    const head = { granularity: 'heads-and-channels', blocks, amount } as const
    if (importance === 'flap') return { ...head, importance, groupQueries }
    if (groupQueries !== 'kv') throw forbidden()
    return { ...head, importance, groupQueries }
  }
  const scoring = importance === 'random' ? { importance, seed } : { importance }
  if (granularity === 'blocks') return { granularity, blocks, amount, ...scoring }
  if (granularity === 'hidden-channels') return { granularity, reduction, amount, ...scoring }
  const weighed = { granularity, blocks, groupQueries, reduction, uniform }
  if ('left' in amount) return { ...weighed, refit: refit ?? true, amount, ...scoring }
  if (steps === 1) return { ...weighed, refit: refit ?? false, amount, ...scoring }
  if (importance === 'random' || importance === 'l2') throw forbidden()
  return { ...weighed, refit: refit ?? false, amount, importance, steps }
}

function forbidden(): Error {
  return new Error('options that do not go together are not in the table of those')
}
