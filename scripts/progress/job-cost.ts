/**
 * What the engine's jobs are expected to cost, in seconds on two cores of AMD EPYC. The proportions between jobs
 * matter: the measured speed corrects the rest (work-plan.ts). The constants are fitted to two models, the embedded one
 * and SmolLM2-135M.
 */
import type { MeteredJob } from '../../src/engine/engine.ts'
import type { BlockForm } from '../../src/form/block-form.ts'
import { poolsMoments } from '../../src/form/merging.ts'
import type { PrunerName } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import type { Jobs } from '../../src/jobs/jobs.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { PruneArgs } from '../../src/jobs/prune/prune-args.ts'
import type { Work } from './work-plan.ts'

/** Sizes of a model, known before anything is computed with it. */
export type ModelSize = Pick<ModelDescription, 'parameters' | 'blocks' | 'forms'>

export type MeasuredWindows = Pick<Windows, 'count' | 'length'>

/** Multiply-adds a second: of text through layers, of Gram matrices, of factorising these. */
const FORWARD = 30e9
const GRAM = 40e9
const FACTOR = 15e9
/** The sums of all sites are factorised in arithmetic that is the same on every machine: so many times as slow. */
const PORTABLE = 4
/** A prediction over the whole vocabulary costs so many times its products (measured: 1.2 to 4). */
const HEAD = 2.5
/** Weights a second: swept by SparseGPT with a factorised Hessian, ranked by Wanda, merged, read or written. */
const SWEPT = 16e6
const RANKED = 10e6
const MERGED = 20e6
const READ = 300e6
const WRITTEN = 30e6
/** A job that does hardly anything; and one that makes a model ready to run first. */
const LEAST_SECONDS = 0.01
const START_SECONDS = 0.1
/** A gradient costs as much as so many predictions. */
const GRADIENT = 4
/** Tokens of a training step of a federation: see src/jobs/federation/training.ts. */
const TRAINING_TOKENS = 8 * 128

export function jobCost(model: ModelSize, job: MeteredJob<Jobs>): Work {
  switch (job.name) {
    case 'evaluate':
      return evaluation(model, job.args.windows)
    case 'prune':
      return pruning(model, job.args)
    case 'products':
      return productsOffer(
        model,
        job.args.totals.map(({ block }) => block),
      )
    case 'merge':
      return merging(model, job.args.block, isSolved(job.args))
    case 'contribute':
      return job.args.slots[0] >= model.blocks
        ? adapterTraining(model, job.args.target.steps)
        : importances(model, job.args.windows)
    case 'recover':
      return retraining(model, { ...job.args.settings, length: job.args.rows.length })
    case 'shrink':
      return choosing(model, job.args.windows)
    case 'write':
      return writing(model)
    default:
      return work(job.name, LEAST_SECONDS)
  }
}

/** Perplexity on these windows. */
export function evaluation(model: ModelSize, windows: MeasuredWindows): Work {
  const tokens = tokensOf(windows)
  const blocks = model.forms.reduce((sum, form) => sum + weightsOfForm(form), 0)
  const head = (tokens * HEAD * Math.max(0, model.parameters - blocks)) / FORWARD
  const { kind, cost } = work('evaluate', START_SECONDS + (tokens * blocks) / FORWARD + model.parameters / READ + head)
  return { kind, cost, lastStep: head / cost }
}

interface Prune extends Pick<PruneArgs, 'pruner' | 'as' | 'blocks'> {
  windows: MeasuredWindows | undefined
}

/** A prune of these blocks, which text reaches through all before them. */
export function pruning({ forms }: Pick<ModelSize, 'forms'>, { pruner, as, blocks, windows }: Prune): Work {
  const tokens = windows === undefined ? 0 : tokensOf(windows)
  const last = blocks.at(-1) ?? -1
  let cost = START_SECONDS
  for (const [block, form] of forms.slice(0, last + 1).entries()) {
    const weights = weightsOfForm(form)
    cost += (tokens * weights) / FORWARD + weights / READ
    if (blocks.includes(block)) cost += (tokens * weights) / FORWARD + solving(form, pruner, tokens) + weights / WRITTEN
  }
  return work(`prune ${pruner} ${as}`, cost)
}

function solving(form: BlockForm, pruner: PrunerName, tokens: number): number {
  if (pruner !== 'sparsegpt') return weightsOfForm(form) / RANKED
  return (tokens * powers(form, 2)) / GRAM + powers(form, 3) / FACTOR + weightsOfForm(form) / SWEPT
}

/** A site's second moments of these blocks, made ready to be added up. */
export function productsOffer({ forms }: ModelSize, blocks: readonly number[]): Work {
  return work('products', blocks.reduce((sum, block) => sum + powers(forms[block], 2), 0) / MERGED)
}

/** The merge of one block. @param solved - whether it is pruned by what all texts show together */
export function merging({ forms }: ModelSize, block: number, solved: boolean): Work {
  const form = forms[block]
  if (!solved) return work('merge', weightsOfForm(form) / MERGED)
  return work('solve', PORTABLE * (powers(form, 3) / FACTOR + weightsOfForm(form) / SWEPT))
}

/** Whether both rounds of a block that pools moments are over. */
function isSolved({ method, merging: { members, ...rule }, ...inputs }: Jobs['merge']['args']): boolean {
  if (!poolsMoments(method, rule)) return false
  return 'masked' in inputs ? inputs.masked.second !== null : inputs.paths.length > members
}

/** The importances of all heads and channels. */
export function importances(model: ModelSize, windows: MeasuredWindows): Work {
  return work('importances', START_SECONDS + GRADIENT * throughModel(model, tokensOf(windows)))
}

/** The adapters of one round of a federation. */
export function adapterTraining(model: ModelSize, steps: number): Work {
  return work('adapters', START_SECONDS + GRADIENT * throughModel(model, steps * TRAINING_TOKENS))
}

/** The training of a recovery. */
export function retraining(
  model: ModelSize,
  { steps, batch, length }: { steps: number; batch: number; length: number },
) {
  return work('recover', START_SECONDS + GRADIENT * throughModel(model, steps * batch * length))
}

/** The choice of what to remove. */
export function choosing(model: ModelSize, windows: MeasuredWindows): Work {
  return work('shrink', START_SECONDS + GRADIENT * throughModel(model, tokensOf(windows)) + model.parameters / WRITTEN)
}

/** A model that is written, and run once to compare. */
export function writing(model: ModelSize): Work {
  return work('write', START_SECONDS + model.parameters / WRITTEN)
}

function throughModel({ parameters }: ModelSize, tokens: number): number {
  return (tokens * parameters) / FORWARD
}

function tokensOf({ count, length }: MeasuredWindows): number {
  return count * length
}

/** The widths of a block's inputs, raised to a power and added up. */
function powers({ inputs }: BlockForm, power: number): number {
  return inputs.reduce((sum, cols) => sum + cols ** power, 0)
}

function weightsOfForm({ layers }: BlockForm): number {
  return layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
}

function work(kind: string, cost: number): Work {
  return { kind, cost: Math.max(LEAST_SECONDS, cost) }
}
