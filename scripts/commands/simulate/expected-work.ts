/** The work of a whole simulation, before it begins, for the forecast of its time. */
import type { Plan } from '../../../protocols/plan/plan.ts'
import { PPM } from '../../../src/base/decimal.ts'
import { isStructuredMethod, type Method } from '../../../src/form/method.ts'
import type { Windows } from '../../../src/form/windows.ts'
import { changingRounds, federationWork } from '../../progress/federation-work.ts'
import {
  adapterTraining,
  evaluation,
  importances,
  type MeasuredWindows,
  type ModelSize,
  merging,
  pruning,
  writing,
} from '../../progress/job-cost.ts'
import type { Work } from '../../progress/work-plan.ts'
import type { SimulatedSite } from './federation.ts'
import type { SimulateOptions } from './options.ts'

interface Simulation {
  options: SimulateOptions
  method: Method
  /** The plan that all have signed. */
  plan: Plan
  sites: readonly SimulatedSite[]
  evaluated: readonly { windows: Windows }[]
}

export function expectedWork(model: ModelSize, simulation: Simulation): Work[] {
  const { evaluated, options, plan, sites } = simulation
  const { baselines, processes } = options
  const measured = evaluated.map(({ windows }) => evaluation(model, windows))
  const alone = (windows: MeasuredWindows) => aloneWork(model, simulation, windows, measured)
  const [{ windows }] = sites
  const together = { count: sites.length * windows.count, length: windows.length }
  // Sites in processes of their own compute there: nothing of that is measured here.
  const own = (each: Plan) =>
    processes ? [] : sites.flatMap((_, member) => federationWork(model, each, member, windows))
  return [
    ...measured,
    ...(baselines.includes('isolated') ? sites.flatMap(() => alone(windows)) : []),
    ...(baselines.includes('l0') ? [...own(byVotes(plan)), ...measured, writing(model)] : []),
    ...(baselines.includes('fedavg') ? measured : []),
    ...own(plan),
    ...Array.from({ length: changingRounds(plan) }, () => measured).flat(),
    ...(baselines.includes('pooled-text') ? alone(together) : []),
    writing(model),
  ]
}

/** The federation of beside-l0.ts. */
function byVotes(plan: Plan): Plan {
  const offer = { ...plan.offer, merge: 'l0', masked: false, rounds: 1, sample: PPM } as const
  return { ...plan, offer, members: plan.members.map((member) => ({ ...member, capacity: PPM })) }
}

/** A model that one site makes alone, and its measurement. */
function aloneWork(
  model: ModelSize,
  { method, plan }: Simulation,
  windows: MeasuredWindows,
  measured: readonly Work[],
): Work[] {
  const blocks = model.forms.map((_, block) => block)
  if (!isStructuredMethod(method)) return [pruning(model, { ...method, as: 'stored', blocks, windows }), ...measured]
  return Array.from({ length: plan.offer.rounds }, (_, round) => [
    round === 0 ? importances(model, windows) : adapterTraining(model, method.target.steps),
    ...blocks.map((block) => merging(model, block, false)),
    ...measured,
  ]).flat()
}
