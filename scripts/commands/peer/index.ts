/** `coppice peer`: founds a federation and takes part in it. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { MAX_MEMBERS, MIN_MEMBERS } from '../../../protocols/plan/offer.ts'
import type { Start } from '../../command.ts'
import { addSiteOptions, type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import { addNetworkOptions, type NetworkOptions, networkOptions, type RawNetwork } from '../../options/network.ts'
import { addJsonOption, addOutOption, type OutputOptions, outputOptions, type RawOutput } from '../../options/output.ts'
import { addPlanOptions, type PlanOptions, planOptions, type RawPlan } from '../../options/plan.ts'
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
} from '../../options/site.ts'
import {
  addSiteEvaluationOptions,
  type RawSiteEvaluation,
  type SiteEvaluationOptions,
  siteEvaluationOptions,
} from '../../options/site-evaluation.ts'
import { refuseMissing, wholeNumber } from '../../options/values.ts'
import { addYesOption, type RawYes, type YesOptions, yesOption } from '../../options/yes.ts'
import { addHelp } from '../../terminal/help.ts'

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
  /** null: nothing is measured at the end. */
  evaluation: SiteEvaluationOptions | null
}

interface RawPeer extends RawSite, RawSiteEvaluation, RawPlan, RawNetwork, RawOutput, RawSiteOptions, RawYes {
  members?: number
  capacity?: number
}

export function definePeer(program: Command, start: Start): void {
  const command = program
    .command('peer')
    .summary('found a federation and take part')
    .description('Founds a federation: prints one line for the other sites to paste, waits for them, and takes part.')
    .addOption(
      new Option('--members <n>', 'how many sites, this one included').argParser(
        wholeNumber('--members', MIN_MEMBERS, MAX_MEMBERS),
      ),
    )
  addCapacityOption(addWindowOptions(addTextOptions(addModelOption(command))))
  addNetworkOptions(addPlanOptions(command))
  addSiteEvaluationOptions(command)
  addJsonOption(
    addOutOption(addYesOption(addSiteOptions(command)), 'where results go; empty or absent (default: coppice-out/ID)'),
  )
  addHelp(
    command,
    ['coppice peer --members 4 --model base --text mine.txt --sparsity 0.5'],
    ['input', 'refused', 'network', 'noAgreement', 'diverged', 'output'],
  )
  command.action((raw: RawPeer) => {
    const options = peerOptions(raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).peer(options, run))
  })
}

function peerOptions(raw: RawPeer): PeerOptions {
  if (raw.members === undefined)
    refuseMissing('--members', 'peer', 'Give --members the number of sites, this one included.')
  const plan = planOptions(raw)
  return {
    ...modelOptions(raw),
    ...textOptions(raw, 'peer', plan.method.pruner !== 'magnitude'),
    ...windowOptions(raw),
    ...networkOptions(raw),
    ...outputOptions(raw),
    members: raw.members,
    plan,
    capacity: raw.capacity ?? null,
    ...siteOptions(raw),
    ...yesOption(raw),
    evaluation: siteEvaluationOptions(raw),
  }
}
