/**
 * Recovery: after structures or weights were removed, adapters learn to predict the text again. The loss is the mean
 * cross-entropy of a batch of rows. AdamW runs at a constant rate; rows come in order, and from the first again behind
 * the last. Every STEPS_A_LOOK steps the perplexity on rows that are kept out is measured. The best adapters are kept,
 * and training ends early when nothing gets better any more. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.3, and
 * its table 15 for the harm of too many steps.
 */

import type { Windows } from '../form/windows.ts'
import { LossGradients } from '../model/backward/gradients.ts'
import type { Decoder } from '../model/forward/decoder.ts'
import { perplexity } from '../model/forward/perplexity.ts'
import { adamStep, type Moments, noMoments } from './adamw.ts'
import type { Adaptation } from './adaptation.ts'
import { Adapters } from './adapters.ts'
import { rowsOfStep } from './rows.ts'

/** Steps between two looks at the rows kept out. Looks then take a tenth of the time at most. */
export const STEPS_A_LOOK = 20
/** Number of looks in a row without anything better, after which training ends. */
export const PATIENCE = 3

export interface TrainSettings {
  /** The most steps that are made. */
  steps: number
  rank: number
  alpha: number
  /** Learning rate of AdamW. */
  rate: number
  /** Rows a step. */
  batch: number
  /** Decides the numbers with which the adapters begin. */
  seed: number
}

/** A measurement on the rows kept out. */
export interface Look {
  /** Steps done before it. */
  step: number
  perplexity: number
}

/** The state of a training: all that is needed to go on. */
export interface TrainState {
  /** Steps done. */
  step: number
  values: Float32Array<ArrayBuffer>
  moments: Moments
  /** One entry a step: the loss before it. */
  losses: number[]
  looks: Look[]
  /** Values at the best look. */
  best: Float32Array<ArrayBuffer>
}

interface TrainJob {
  settings: TrainSettings
  rows: Windows
  /** Rows that are kept out. */
  held: Windows
  signal?: AbortSignal
  onStep?: (state: TrainState) => void | Promise<void>
  onLook?: (look: Look) => void
}

/** The state before the first step. Its adapters change nothing yet: see Adapters.start. */
export function startState(decoder: Decoder, { rank, seed }: TrainSettings): TrainState {
  const { values } = Adapters.start(decoder.forms, rank, seed)
  return { step: 0, values, moments: noMoments(values.length), losses: [], looks: [], best: values.slice() }
}

/** The best look; of equal ones the first. */
export function bestLook(looks: readonly Look[]): Look {
  return looks.reduce((best, look) => (look.perplexity < best.perplexity ? look : best))
}

/**
 * Trains from a state, which is changed, to the last step or until nothing gets better.
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function train(
  decoder: Decoder,
  adaptation: Adaptation,
  state: TrainState,
  { settings, rows, held, signal, onStep, onLook }: TrainJob,
): Promise<void> {
  const { steps, rank, rate, batch } = settings
  const adapters = new Adapters(decoder.forms, rank, state.values)
  const gradients = new Adapters(decoder.forms, rank)
  const beside = adaptation.beside(adapters)
  const loss = new LossGradients(decoder)

  const look = async (): Promise<void> => {
    const measured = await perplexity(decoder, held, (block) => adaptation.merged(block, adapters), { signal })
    const seen = { step: state.step, perplexity: measured.perplexity }
    state.looks.push(seen)
    if (bestLook(state.looks) === seen) state.best.set(state.values)
    onLook?.(seen)
  }

  for (;;) {
    if (isLookDue(state, steps)) await look()
    if (state.step === steps || isStale(state)) return
    signal?.throwIfAborted()
    const { loss: mean } = await loss.run({
      windows: rowsOfStep(rows, state.step, batch),
      perBatch: batch,
      of: 'layers',
      beside,
      onPart(part, found) {
        if (typeof part === 'number') adaptation.collect(part, found, gradients)
      },
    })
    state.step++
    state.losses.push(mean)
    adamStep(state.values, gradients.values, state.moments, { step: state.step, rate })
    await onStep?.(state)
  }
}

function isLookDue({ step, looks }: TrainState, steps: number): boolean {
  return looks.at(-1)?.step !== step && (step % STEPS_A_LOOK === 0 || step === steps)
}

function isStale({ looks, step }: TrainState): boolean {
  return step - bestLook(looks).step >= PATIENCE * STEPS_A_LOOK
}
