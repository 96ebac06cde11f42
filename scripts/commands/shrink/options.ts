/** Options of `coppice shrink`. */
import { resolve } from 'node:path'
import type { Granularity } from '../../../src/jobs/structure/shrink-args.ts'
import type { Amount } from '../../../src/structure/choose/amount.ts'
import type { Fluctuation } from '../../../src/structure/choose/fluctuation.ts'
import type { Criterion, Reduction } from '../../../src/structure/choose/importance.ts'
import type { GroupQueries } from '../../../src/structure/find/walk.ts'
import { type EvaluationOptions, evaluationOptions, type RawEvaluation } from '../../options/evaluation.ts'
import type { RawOutput } from '../../options/output.ts'
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

export const GRANULARITIES = ['block', 'layer', 'channel'] as const satisfies Granularity[]

const FLUCTUATIONS = ['flap', 'flap-adaptive'] as const satisfies Fluctuation[]

export const IMPORTANCES = [
  ...(['taylor1', 'taylor2', 'vector', 'l2', 'random'] as const satisfies Criterion[]),
  ...FLUCTUATIONS,
] as const

export const REDUCTIONS = ['sum', 'max'] as const satisfies Reduction[]

export interface ShrinkOptions extends ModelOptions, TextOptions, WindowOptions {
  granularity: Granularity
  amount: Amount
  /** Whether what reads removed places is fitted anew. */
  refit: boolean
  /** In how many, each with importances of what is left. */
  steps: number
  groupQueries: GroupQueries
  /** Whether all blocks stay alike, and model.safetensors is written. */
  uniform: boolean
  /** First block, and the one behind the last; undefined: all blocks. */
  blocks: [from: number, to: number] | undefined
  importance: Criterion | Fluctuation
  /** For random importance. */
  seed: number
  reduction: Reduction
  /** null: what is smaller is not trained again. */
  recovery: RecoveryOptions | null
  /** What it learns. */
  recoveryText: TextOptions
  evaluation: EvaluationOptions
  /** Absolute. */
  out: string
}

export interface RawShrink extends RawSite, RawEvaluation, RawOutput {
  granularity?: Granularity
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
function amountOf({ ratio, parameters }: RawShrink): ShrinkOptions['amount'] {
  if (ratio !== undefined && parameters !== undefined)
    refuseConflict('--ratio and --parameters exclude each other', 'Give one of the two.')
  if (parameters !== undefined) return { left: parameters }
  if (ratio !== undefined) return { gone: ratio }
  return refuseMissing(
    '--ratio',
    'shrink',
    'Give --ratio what goes, such as 0.25, or --parameters what is left, such as 0.8.',
  )
}

export function shrinkOptions(raw: RawShrink): ShrinkOptions {
  const { parameters, blocks, granularity = GRANULARITIES[0], importance = IMPORTANCES[0], recover, out } = raw
  const { steps = 1, groupQueries = GROUP_QUERIES[0], uniform = false, seed } = raw
  const amount = amountOf(raw)
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
  const isFree = fluctuates || importance === 'l2' || importance === 'random'
  if (steps > 1 && (granularity === 'layer' || isFree))
    refuseConflict(
      '--steps asks for gradients anew, of which whole blocks, FLAP, l2 and random make no use',
      'Leave --steps away, or take --importance taylor1.',
    )
  const sought = parameters !== undefined
  if (sought && (fluctuates || steps > 1))
    refuseConflict(
      '--parameters seeks by importances of single weights, in one step',
      'Leave --steps away, and take --importance taylor1.',
    )
  const refit = granularity === 'block' && (raw.refit ?? sought)
  if (raw.refit && (fluctuates || granularity !== 'block'))
    refuseConflict(
      '--refit fits what reads removed heads and channels, for which FLAP has its own way; whole blocks and hidden channels have none',
      'Leave --refit away.',
    )
  if (raw.recoverText !== undefined && recover === undefined)
    refuseConflict('--recover-text is given without --recover', 'Give --recover the number of steps as well.')
  if (seed !== undefined && importance !== 'random')
    refuseConflict('--seed goes with --importance random alone', 'Leave --seed away: nothing else is drawn.')
  if (granularity === 'layer' && (uniform || raw.groupQueries !== undefined))
    refuseConflict(
      '--granularity layer leaves the blocks that stay as they are',
      'Leave --uniform and --group-queries away.',
    )
  if (fluctuates && uniform)
    refuseConflict(
      `--importance ${importance} leaves biases that Hugging Face tools do not look for`,
      'Leave --uniform away.',
    )
  if (importance === 'flap-adaptive' && groupQueries === 'query')
    refuseConflict(
      '--importance flap-adaptive compares heads with each other that --group-queries query keeps apart',
      'Take --importance flap.',
    )
  if (granularity === 'channel') refuseForHidden(raw)
  const site = textOptions(raw, 'shrink', refit || (importance !== 'l2' && importance !== 'random'))
  const text = raw.recoverText ?? raw.text
  return {
    ...modelOptions(raw),
    ...site,
    recovery: recover === undefined ? null : recoveryOptions(recover),
    recoveryText: recover === undefined ? site : textOptions({ ...raw, text }, 'shrink --recover', true),
    ...windowOptions(raw),
    amount,
    refit,
    steps,
    groupQueries,
    uniform,
    blocks,
    granularity,
    importance,
    seed: seed ?? 0,
    reduction: raw.reduce ?? REDUCTIONS[0],
    evaluation: evaluationOptions(raw),
    out: resolve(out),
  }
}

/** What does not go with hidden channels, which are the same in the whole model. */
function refuseForHidden({ importance, steps = 1, groupQueries, uniform }: RawShrink): void {
  if (FLUCTUATIONS.some((name) => name === importance))
    refuseConflict(
      `--importance ${importance} is computed of the layers of blocks alone, and hidden channels go through embedding and head too`,
      'Take --importance taylor1.',
    )
  if (uniform || groupQueries !== undefined)
    refuseConflict('--granularity channel leaves heads as they are', 'Leave --uniform and --group-queries away.')
  if (steps > 1)
    refuseConflict('--steps sets what is gone to zero, which hidden channels in norms are not', 'Leave --steps away.')
}
