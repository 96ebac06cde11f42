/**
 * The seconds that the engine's jobs are expected to take: their arithmetic by the model's sizes, over the speed of a
 * machine. The line of progress begins with usual speeds, fitted to the embedded model and SmolLM2-135M, which the run
 * itself corrects (work-plan.ts); a forecast has measured ones (scripts/forecast/speeds.ts).
 */
import type { MeteredJob } from '../../src/engine/engine.ts'
import type { BlockForm } from '../../src/form/block-form.ts'
import { poolsMoments } from '../../src/form/merging.ts'
import { isStructuredMethod, type PrunerName, payloadOf } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import type { Jobs } from '../../src/jobs/jobs.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { PruneArgs } from '../../src/jobs/prune/prune-args.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
import type { Work } from './work-plan.ts'

/** Sizes of a model, known before anything is computed with it. */
export interface ModelSize extends Pick<ModelDescription, 'parameters' | 'blocks' | 'forms'> {
  /** The machine's; default: usual ones. */
  speeds?: Speeds
}

export type MeasuredWindows = Pick<Windows, 'count' | 'length'>

/** How fast a machine works. */
export interface Speeds {
  /** Multiply-adds a second: of text through layers, of the same while sums are taken of it, of Gram matrices. */
  forward: number
  observed: number
  gram: number
  /** Multiply-adds a second of factorising Gram matrices. */
  factor: number
  /** The sums of all sites are solved in arithmetic that is the same on every machine: so many times as slow. */
  portable: number
  /** Multiply-adds a second of predictions over the whole vocabulary. */
  head: number
  /** Weights a second: swept by SparseGPT with a factorised Hessian, ranked by Wanda, merged, read or written. */
  swept: number
  ranked: number
  merged: number
  /** Weights a second of a contribution that is checked. */
  checked: number
  read: number
  written: number
  /** Seconds until a process is there and has its model ready to run. */
  start: number
}

/** Until anything is measured: two cores of AMD EPYC. A prediction takes 1.2 to 4 times as long as its products. */
export const USUAL: Speeds = {
  ...{ forward: 30e9, observed: 30e9, gram: 40e9, factor: 15e9, portable: 4, head: 12e9 },
  ...{ swept: 16e6, ranked: 10e6, merged: 12e6, checked: 30e6, read: 300e6, written: 30e6 },
  start: 0.1,
}
/** A job that does hardly anything. */
const LEAST_SECONDS = 0.01
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
    case 'validate':
      return checking(model, job.args)
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
  const blocks = model.parameters - outsideBlocks(model)
  const { forward, head: headSpeed, read, start } = model.speeds ?? USUAL
  const head = (tokens * outsideBlocks(model)) / headSpeed
  const { kind, cost } = work('evaluate', start + (tokens * blocks) / forward + model.parameters / read + head)
  return { kind, cost, lastStep: head / cost }
}

export interface Prune extends Pick<PruneArgs, 'pruner' | 'as' | 'blocks'> {
  windows: MeasuredWindows | undefined
}

/** A prune of these blocks, which text reaches through all before them. */
export function pruning({ forms, speeds = USUAL }: ModelSize, { pruner, as, blocks, windows }: Prune): Work {
  const tokens = windows === undefined ? 0 : tokensOf(windows)
  const last = blocks.at(-1) ?? -1
  let cost = speeds.start
  for (const [block, form] of forms.slice(0, last + 1).entries()) {
    const weights = weightsOfForm(form)
    if (tokens > 0) cost += passing(form, tokens, speeds) + weights / speeds.read
    if (!blocks.includes(block)) continue
    if (tokens > 0) cost += observing(form, pruner, tokens, speeds)
    cost += solving(form, pruner, speeds) + weights / speeds.written
  }
  return work(`prune ${pruner} ${as}`, cost)
}

/** Seconds in which tokens pass a block. */
export function passing(form: BlockForm, tokens: number, { forward }: Speeds = USUAL): number {
  return (tokens * weightsOfForm(form)) / forward
}

/** Seconds in which the statistics of a block's inputs are taken. */
export function observing(
  form: BlockForm,
  pruner: PrunerName,
  tokens: number,
  { gram, observed }: Speeds = USUAL,
): number {
  const products = pruner === 'sparsegpt' ? (tokens * powers(form, 2)) / gram : 0
  return (tokens * weightsOfForm(form)) / observed + products
}

/** Seconds in which one site's weights of a block are chosen. */
export function solving(form: BlockForm, pruner: PrunerName, { factor, ranked, swept }: Speeds = USUAL): number {
  if (pruner !== 'sparsegpt') return weightsOfForm(form) / ranked
  return powers(form, 3) / factor + weightsOfForm(form) / swept
}

/** A site's second moments of these blocks, made ready to be added up. */
export function productsOffer({ forms, speeds = USUAL }: ModelSize, blocks: readonly number[]): Work {
  return work('products', blocks.reduce((sum, block) => sum + powers(forms[block], 2), 0) / speeds.merged)
}

/** The merge of one block. @param solved - whether it is pruned by what all texts show together */
export function merging({ forms, speeds = USUAL }: ModelSize, block: number, solved: boolean): Work {
  const form = forms[block]
  if (!solved) return work('merge', weightsOfForm(form) / speeds.merged)
  return work('solve', speeds.portable * solving(form, 'sparsegpt', speeds))
}

/** The check of another member's contribution: only those of weights take long. */
export function checking(
  { blocks, forms, speeds = USUAL }: ModelSize,
  { merging: rule, method, slot }: Pick<Jobs['validate']['args'], 'merging' | 'method' | 'slot'>,
): Work {
  const offersWeights = !isStructuredMethod(method) && payloadOf(method.pruner) === 'weights'
  if (!offersWeights || rule.masked || poolsMoments(method, rule)) return work('validate', LEAST_SECONDS)
  return work('validate', weightsOfForm(forms[blockOfSlot(slot, blocks)]) / speeds.checked)
}

/** Whether both rounds of a block that pools moments are over. */
function isSolved({ method, merging: { members, ...rule }, ...inputs }: Jobs['merge']['args']): boolean {
  if (!poolsMoments(method, rule)) return false
  return 'masked' in inputs ? inputs.masked.second !== null : inputs.paths.length > members
}

/** The importances of all heads and channels. */
export function importances(model: ModelSize, windows: MeasuredWindows): Work {
  return work('importances', (model.speeds ?? USUAL).start + GRADIENT * throughModel(model, tokensOf(windows)))
}

/** The adapters of one round of a federation. */
export function adapterTraining(model: ModelSize, steps: number): Work {
  return work('adapters', (model.speeds ?? USUAL).start + GRADIENT * throughModel(model, steps * TRAINING_TOKENS))
}

/** The training of a recovery. */
export function retraining(
  model: ModelSize,
  { steps, batch, length }: { steps: number; batch: number; length: number },
) {
  return work('recover', (model.speeds ?? USUAL).start + GRADIENT * throughModel(model, steps * batch * length))
}

/** The choice of what to remove. */
export function choosing(model: ModelSize, windows: MeasuredWindows): Work {
  const { start, written } = model.speeds ?? USUAL
  return work('shrink', start + GRADIENT * throughModel(model, tokensOf(windows)) + model.parameters / written)
}

/** A model that is written, and run once to compare, in another process. */
export function writing(model: ModelSize): Work {
  const { start, written } = model.speeds ?? USUAL
  return work('write', 2 * start + model.parameters / written)
}

function throughModel({ parameters, speeds = USUAL }: ModelSize, tokens: number): number {
  return (tokens * parameters) / speeds.forward
}

function tokensOf({ count, length }: MeasuredWindows): number {
  return count * length
}

/** The widths of a block's inputs, raised to a power and added up. */
function powers({ inputs }: BlockForm, power: number): number {
  return inputs.reduce((sum, cols) => sum + cols ** power, 0)
}

/** The weights of the embedding and the head. */
export function outsideBlocks({ forms, parameters }: ModelSize): number {
  return Math.max(0, parameters - forms.reduce((sum, form) => sum + weightsOfForm(form), 0))
}

export function weightsOfForm({ layers }: BlockForm): number {
  return layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
}

function work(kind: string, cost: number): Work {
  return { kind, cost: Math.max(LEAST_SECONDS, cost) }
}
