/** `coppice simulate`: several sites in one go, on one machine, each a real peer. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { MAX_MEMBERS, MIN_MEMBERS } from '../../../protocols/plan/offer.ts'
import { isStructuredMethod, type Method } from '../../../src/form/method.ts'
import type { Start } from '../../command.ts'
import {
  addEvaluationOptions,
  type EvaluationOptions,
  evaluationOptions,
  type RawEvaluation,
} from '../../options/evaluation.ts'
import { addJsonOption, addOutOption, type OutputOptions, outputOptions, type RawOutput } from '../../options/output.ts'
import { addPlanOptions, type PlanOptions, planOptions, type RawPlan } from '../../options/plan.ts'
import {
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
import { oneOf, PROPER_SHARE, refuseConflict, shares, someOf, wholeNumber } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'

const DEFAULT_PEERS = 4
const TOPOLOGIES = ['mesh', 'star', 'line'] as const
type Topology = (typeof TOPOLOGIES)[number]
const BASELINES = ['isolated', 'fedavg'] as const
type Baseline = (typeof BASELINES)[number]
/** Each site alone is a whole prune: with more sites than this it is run only on request. */
const MOST_PEERS_WITH_BASELINES = 8

export interface SimulateOptions extends ModelOptions, TextOptions, WindowOptions, OutputOptions {
  peers: number
  /** Keys and secret follow from it. */
  seed: number
  plan: PlanOptions
  /** By peer, in ppm; null: the plan's sample. */
  capacities: number[] | null
  evaluation: EvaluationOptions
  topology: Topology
  baselines: Baseline[]
  /** A process a peer. */
  processes: boolean
}

interface RawSimulate extends RawSite, RawPlan, RawEvaluation, RawOutput {
  peers?: number
  seed?: number
  capacity?: number[]
  topology?: Topology
  baselines?: Baseline[]
  processes?: boolean
}

export function defineSimulate(program: Command, start: Start): void {
  const command = program
    .command('simulate')
    .summary('several sites on this machine, and what they gain')
    .description(
      'Runs several real peers on this machine, each with a text of its own, and compares what they reach together ' +
        'with what each reaches alone.',
    )
    .addOption(
      new Option('--peers <n>', `how many sites (default: ${DEFAULT_PEERS})`).argParser(
        wholeNumber('--peers', MIN_MEMBERS, MAX_MEMBERS),
      ),
    )
    .addOption(
      new Option(
        '--seed <n>',
        'keys and secret follow from it: the same command gives the same root (default: 0)',
      ).argParser(wholeNumber('--seed', 0)),
    )
  addWindowOptions(addTextOptions(addModelOption(command), 'four of its own with the embedded model')).addOption(
    new Option(
      '--capacity <shares>',
      'share of the blocks a site prunes a round, one a peer, as in 1,0.5,0.25 (default: --sample)',
    ).argParser(shares('--capacity', PROPER_SHARE)),
  )
  addEvaluationOptions(addPlanOptions(command), 'windows of each --text that are kept out')
    .addOption(
      new Option('--topology <name>', `who can reach whom: ${TOPOLOGIES.join(', ')} (default: mesh)`).argParser(
        oneOf('--topology', TOPOLOGIES),
      ),
    )
    .addOption(
      new Option(
        '--baselines <names>',
        `${BASELINES.join(',')} or none (default: both up to ${MOST_PEERS_WITH_BASELINES} peers)`,
      ).argParser(someOf('--baselines', BASELINES, 'none')),
    )
    .option('--processes', 'one process a peer, instead of all in one')
  addJsonOption(addOutOption(command, 'where results go; empty or absent (default: coppice-out/ID)'))
  addHelp(
    command,
    [
      'coppice simulate --pruner wanda --sparsity 0.6',
      'coppice simulate --peers 3 --model base --text hospital.txt court.txt school.txt --eval test.txt',
    ],
    ['input', 'network', 'noAgreement', 'diverged', 'output'],
  )
  command.action((raw: RawSimulate) => {
    const options = simulateOptions(raw)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).simulate(options, run))
  })
}

/** There is no plain average of what structures are removed from. */
function baselinesOf({ baselines }: RawSimulate, peers: number, method: Method): Baseline[] {
  const possible = BASELINES.filter((name) => name !== 'fedavg' || !isStructuredMethod(method))
  const impossible = baselines?.find((name) => !possible.includes(name))
  if (impossible !== undefined)
    refuseConflict(
      `--baselines ${impossible} is not for --pruner ${method.pruner}`,
      'Give --baselines isolated or none.',
    )
  return baselines ?? (peers <= MOST_PEERS_WITH_BASELINES ? possible : [])
}

export function simulateOptions(raw: RawSimulate): SimulateOptions {
  const { peers = DEFAULT_PEERS, seed = 0, capacity: capacities = null, topology = 'mesh', processes = false } = raw
  if (capacities !== null && capacities.length !== peers) {
    refuseConflict(
      `--capacity lists ${capacities.length}, --peers is ${peers}`,
      'Give --capacity one share a peer, such as 1,0.5,0.25,0.25 for four.',
    )
  }
  const model = modelOptions(raw)
  const plan = planOptions(raw)
  return {
    ...model,
    ...textOptions(raw, 'simulate', !model.embedded && plan.method.pruner !== 'magnitude'),
    ...windowOptions(raw),
    ...outputOptions(raw),
    peers,
    seed,
    plan,
    capacities,
    evaluation: evaluationOptions(raw),
    topology,
    baselines: baselinesOf(raw, peers, plan.method),
    processes,
  }
}
