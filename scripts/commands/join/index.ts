/** `coppice join`: takes part in a federation that another site has founded. */
import type { Command } from 'commander'
import { type Invitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import type { Start } from '../../command.ts'
import { addSiteOptions, type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import {
  addNetworkOptions,
  addNoListenOption,
  type NetworkOptions,
  networkOptions,
  type RawNetwork,
} from '../../options/network.ts'
import { addJsonOption, addOutOption, type OutputOptions, outputOptions, type RawOutput } from '../../options/output.ts'
import { refusePlanOptions } from '../../options/plan.ts'
import {
  addCapacityOption,
  addModelOption,
  addTextOptions,
  type ModelOptions,
  modelOptions,
  type RawSite,
  type TextOptions,
  textOptions,
} from '../../options/site.ts'
import {
  addSiteEvaluationOptions,
  type RawSiteEvaluation,
  type SiteEvaluationOptions,
  siteEvaluationOptions,
} from '../../options/site-evaluation.ts'
import { refuseMissing } from '../../options/values.ts'
import { addYesOption, type RawYes, type YesOptions, yesOption } from '../../options/yes.ts'
import { addHelp } from '../../terminal/help.ts'

export interface JoinOptions extends ModelOptions, TextOptions, NetworkOptions, OutputOptions, SiteOptions, YesOptions {
  invitation: Invitation
  /** In ppm; null: the plan's sample. */
  capacity: number | null
  /** null: nothing is measured at the end. */
  evaluation: SiteEvaluationOptions | null
}

interface RawJoin extends RawSite, RawSiteEvaluation, RawNetwork, RawOutput, RawSiteOptions, RawYes {
  capacity?: number
}

export function defineJoin(program: Command, start: Start): void {
  const command = program
    .command('join')
    .summary('take part in a federation')
    .description(
      'Joins the federation of an invitation. Shows the plan and what will leave this site, asks, and takes part.',
    )
    .argument('[address]', 'the invitation, ADDRESS#OFFER.SECRET, as the founder printed it')
  addCapacityOption(addTextOptions(addModelOption(refusePlanOptions(command))))
  addNoListenOption(addNetworkOptions(command))
  addSiteEvaluationOptions(command)
  addJsonOption(
    addOutOption(addYesOption(addSiteOptions(command)), 'where results go; empty or absent (default: coppice-out/ID)'),
  )
  addHelp(
    command,
    ['coppice join /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo...#OFFER.SECRET --model base --text mine.txt'],
    ['input', 'refused', 'network', 'noAgreement', 'diverged', 'output'],
  )
  command.action((address: string | undefined, raw: RawJoin) => {
    const options = joinOptions(address, raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).join(options, run))
  })
}

/** Whether a text is needed depends on the plan's pruner, so it is asked for once the offer is here. */
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
  }
}
