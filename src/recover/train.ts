/**
 * Recovery: adapters learn to predict the text again after something was removed. The loss is the mean cross-entropy of
 * a batch of rows; AdamW at a constant rate; rows in order, and from the first again behind the last. Every so many
 * steps the perplexity on rows that are kept out is measured; the best adapters stay, and where nothing gets better any
 * more it ends early. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.3, and its table 15 for what too many steps
 * do.
 */

import type { Windows } from '../form/windows.ts'
import { LossGradients } from '../model/backward/gradients.ts'
import type { Decoder } from '../model/forward/decoder.ts'
import { perplexity } from '../model/forward/perplexity.ts'
import { adamStep, type Moments, noMoments } from './adamw.ts'
import type { Adaptation } from './adaptation.ts'
import { Adapters } from './adapters.ts'
import { rowsOfStep } from './rows.ts'

/** Steps between two looks at the rows kept out, which then take a tenth of the time at most. */
export const STEPS_A_LOOK = 20
/** Looks without anything better, after which it ends. */
export const PATIENCE = 3

export interface TrainSettings {
  /** At most. */
  steps: number
  rank: number
  alpha: number
  /** Of AdamW. */
  rate: number
  /** Rows a step. */
  batch: number
  /** Decides how the adapters begin. */
  seed: number
}

/** A look at the rows kept out. */
export interface Look {
  /** Steps done before it. */
  step: number
  perplexity: number
}

/** All that is needed to go on. */
export interface TrainState {
  /** Steps done. */
  step: number
  values: Float32Array<ArrayBuffer>
  moments: Moments
  /** By step: the loss before it. */
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
  onStep?: (state: TrainState) => void
  onLook?: (look: Look) => void
}

export function startState(decoder: Decoder, { rank, seed }: TrainSettings): TrainState {
  const { values } = Adapters.start(decoder.forms, rank, seed)
  return { step: 0, values, moments: noMoments(values.length), losses: [], looks: [], best: values.slice() }
}

/** The first of the best. */
export function bestLook(looks: readonly Look[]): Look {
  return looks.reduce((best, look) => (look.perplexity < best.perplexity ? look : best))
}

/**
 * Goes on from a state, which is changed, to the last step or to where nothing gets better.
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
    onStep?.(state)
  }
}

function isLookDue({ step, looks }: TrainState, steps: number): boolean {
  return looks.at(-1)?.step !== step && (step % STEPS_A_LOOK === 0 || step === steps)
}

function isStale({ looks, step }: TrainState): boolean {
  return step - bestLook(looks).step >= PATIENCE * STEPS_A_LOOK
}
