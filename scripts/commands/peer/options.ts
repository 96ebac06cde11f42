/** Options of `coppice peer`. */
import { type RawWatch, type WatchOptions, watchOptions } from '../../operate/options.ts'
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import type { RawDryRun } from '../../options/dry-run.ts'
import { type NetworkOptions, networkOptions, type RawNetwork } from '../../options/network.ts'
import { type OutputOptions, outputOptions, type RawOutput } from '../../options/output.ts'
import { type PlanOptions, planOptions, type RawPlan } from '../../options/plan.ts'
import {
  type ModelOptions,
  modelOptions,
  type RawSite,
  type TextOptions,
  textOptions,
  type WindowOptions,
  windowOptions,
} from '../../options/site.ts'
import {
  type RawSiteEvaluation,
  type SiteEvaluationOptions,
  siteEvaluationOptions,
} from '../../options/site-evaluation.ts'
import { refuseMissing } from '../../options/values.ts'
import { type RawYes, type YesOptions, yesOption } from '../../options/yes.ts'

export interface PeerOptions
  extends ModelOptions,
    TextOptions,
    WindowOptions,
    NetworkOptions,
    OutputOptions,
    SiteOptions,
    YesOptions {
  members: number
  plan: PlanOptions
  /** In ppm; null: the plan's sample. */
  capacity: number | null
  /** Whether it founds another federation where it could go on with one. */
  anew: boolean
  /** null: nothing is measured at the end. */
  evaluation: SiteEvaluationOptions | null
  watch: WatchOptions
}

export interface RawPeer
  extends RawSite,
    RawSiteEvaluation,
    RawPlan,
    RawNetwork,
    RawOutput,
    RawSiteOptions,
    RawYes,
    RawWatch,
    RawDryRun {
  members?: number
  capacity?: number
  new?: boolean
}

export function peerOptions(raw: RawPeer): PeerOptions {
  if (raw.members === undefined)
    refuseMissing('--members', 'peer', 'Give --members the number of sites, this one included.')
  const plan = planOptions(raw, raw.members)
  return {
    ...modelOptions(raw),
    ...textOptions(raw, 'peer', plan.method.pruner !== 'magnitude'),
    ...windowOptions(raw),
    ...networkOptions(raw),
    ...outputOptions(raw),
    members: raw.members,
    plan,
    capacity: raw.capacity ?? null,
    anew: raw.new === true,
    ...siteOptions(raw),
    ...yesOption(raw),
    evaluation: siteEvaluationOptions(raw),
    watch: watchOptions(raw),
  }
}
