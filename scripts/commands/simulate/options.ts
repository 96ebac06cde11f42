/** Options of `coppice simulate`. */
import { isStructuredMethod } from '../../../src/form/method.ts'
import type { RawDryRun } from '../../options/dry-run.ts'
import { type EvaluationOptions, evaluationOptions, type RawEvaluation } from '../../options/evaluation.ts'
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
import { refuseConflict } from '../../options/values.ts'

export const DEFAULT_PEERS = 4

export const TOPOLOGIES = ['mesh', 'star', 'line'] as const

type Topology = (typeof TOPOLOGIES)[number]

/** `l0`: see beside-l0.ts. */
export const BASELINES = ['isolated', 'l0', 'fedavg', 'pooled-text'] as const

/** The baselines that run without being asked for. */
export const DEFAULT_BASELINES: readonly Baseline[] = ['isolated', 'fedavg']

type Baseline = (typeof BASELINES)[number]

/** The most peers for which the baselines run without being asked for: each site alone is a whole prune. */
export const MOST_PEERS_WITH_BASELINES = 8

export interface SimulateOptions extends ModelOptions, TextOptions, WindowOptions, OutputOptions {
  peers: number
  /** Keys and secret are derived from it. */
  seed: number
  plan: PlanOptions
  /** One entry a peer, in ppm; null: the plan's sample. */
  capacities: number[] | null
  evaluation: EvaluationOptions
  topology: Topology
  baselines: Baseline[]
  /** Whether each peer has its own process. */
  processes: boolean
}

export interface RawSimulate extends RawSite, RawPlan, RawEvaluation, RawOutput, RawDryRun {
  peers?: number
  seed?: number
  capacity?: number[]
  topology?: Topology
  baselines?: Baseline[]
  processes?: boolean
}

/**
 * The baselines to run. FedAvg is not possible when structures are removed: there is no plain average of such models.
 * Nor is it of masked contributions; where sites pool, those of the open `l0` are averaged.
 * @throws {UsageError} USAGE_CONFLICT
 */
function baselinesOf({ baselines }: RawSimulate, peers: number, { masked, merge, method }: PlanOptions): Baseline[] {
  const pools = merge === 'pooled'
  const isSparse = !isStructuredMethod(method)
  const isPossible = (name: Baseline) => {
    if (name === 'l0') return isSparse && pools
    return name !== 'fedavg' || (isSparse && (pools ? (baselines?.includes('l0') ?? false) : !masked))
  }
  const impossible = baselines?.find((name) => !isPossible(name))
  if (impossible !== undefined) {
    const plan = isSparse ? `--merge ${merge}` : `--pruner ${method.pruner}`
    const without = impossible === 'fedavg' && isSparse ? (pools ? ' without l0' : ' with --masked') : ''
    refuseConflict(
      `--baselines ${impossible} is not for ${plan}${without}`,
      pools && isSparse
        ? 'Give --baselines l0,fedavg, or leave it out.'
        : 'Give --baselines isolated, pooled-text, both, or none.',
    )
  }
  return baselines ?? (peers <= MOST_PEERS_WITH_BASELINES ? DEFAULT_BASELINES.filter(isPossible) : [])
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
  const plan = planOptions(raw, peers)
  if (capacities !== null && plan.masked && plan.merge !== 'pooled') {
    refuseConflict(
      '--capacity has no effect where votes, importances or adapters are masked: every site offers all blocks',
      'Leave out --capacity, or give --open.',
    )
  }
  return {
    ...model,
    ...textOptions(raw, 'simulate', !model.embedded),
    ...windowOptions(raw),
    ...outputOptions(raw),
    peers,
    seed,
    plan,
    capacities,
    evaluation: evaluationOptions(raw),
    topology,
    baselines: baselinesOf(raw, peers, plan),
    processes,
  }
}
