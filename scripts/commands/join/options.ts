/** Options of `coppice join`. */
import { type Invitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import { type RawWatch, type WatchOptions, watchOptions } from '../../operate/options.ts'
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import type { RawDryRun } from '../../options/dry-run.ts'
import { type NetworkOptions, networkOptions, type RawNetwork } from '../../options/network.ts'
import { type OutputOptions, outputOptions, type RawOutput } from '../../options/output.ts'
import { type ModelOptions, modelOptions, type RawSite, type TextOptions, textOptions } from '../../options/site.ts'
import {
  type RawSiteEvaluation,
  type SiteEvaluationOptions,
  siteEvaluationOptions,
} from '../../options/site-evaluation.ts'
import { refuseMissing } from '../../options/values.ts'
import { type RawYes, type YesOptions, yesOption } from '../../options/yes.ts'

export interface JoinOptions extends ModelOptions, TextOptions, NetworkOptions, OutputOptions, SiteOptions, YesOptions {
  invitation: Invitation
  /** In ppm; null: the plan's sample. */
  capacity: number | null
  /** null: nothing is measured at the end. */
  evaluation: SiteEvaluationOptions | null
  watch: WatchOptions
}

export interface RawJoin
  extends RawSite,
    RawSiteEvaluation,
    RawNetwork,
    RawOutput,
    RawSiteOptions,
    RawYes,
    RawWatch,
    RawDryRun {
  capacity?: number
}

/**
 * Reads the options. Whether a text is needed depends on the plan's pruner, so it is checked when the offer is known.
 */
export function joinOptions(address: string | undefined, raw: RawJoin): JoinOptions {
  if (address === undefined) {
    refuseMissing('the address', 'join', 'Put the whole line that the founder printed before all options.')
  }
  return {
    invitation: parseInvitation(address),
    ...modelOptions(raw),
    ...textOptions(raw, 'join', false),
    ...networkOptions(raw),
    ...outputOptions(raw),
    capacity: raw.capacity ?? null,
    ...siteOptions(raw),
    ...yesOption(raw),
    evaluation: siteEvaluationOptions(raw),
    watch: watchOptions(raw),
  }
}
