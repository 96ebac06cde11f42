/** Memory and disk of the work, beyond those of a measurement. */
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import { type MeasuredWindows, weightsOfForm } from '../progress/job-cost.ts'

/** Bytes of a float32. */
export const FLOAT = 4

/** Bytes. */
export interface Disk {
  /** The most that lies there at a time. */
  most: number
  /** That stays. */
  kept: number
}

/** The residual stream of the longest text: it is in memory once, whatever the model's depth. */
export function streamBytes({ forms }: Pick<ModelDescription, 'forms'>, texts: readonly MeasuredWindows[]): number {
  const hidden = forms[0]?.inputs[0] ?? 0
  return FLOAT * hidden * Math.max(0, ...texts.map(({ count, length }) => count * length))
}

/** Blocks as a checkpoint has them. */
export function storedBlocksBytes({ forms }: Pick<ModelDescription, 'forms'>): number {
  return FLOAT * forms.reduce((sum, form) => sum + weightsOfForm(form), 0)
}

/** Sessions that compute gradients take so much more than those that predict (measured on 2.8 M parameters). */
const GRADIENT_BYTES = 170e6
/** Activations that a step of training keeps for its gradients: so many floats a feature of a token and block. */
const KEPT_FLOATS = 4
/** A block's weights in training: as read, in the runtime, their gradient and adapters. */
const TRAINED_COPIES = 4

/** Memory of training beyond a measurement. @param tokens - of a step @param measured - tokens of the measurement */
export function trainingBytes(
  { forms }: Pick<ModelDescription, 'forms'>,
  { tokens, measured }: { tokens: number; measured: number },
): number {
  const hidden = forms[0]?.inputs[0] ?? 0
  const largest = Math.max(0, ...forms.map(weightsOfForm))
  const kept = KEPT_FLOATS * tokens * forms.length - measured
  return GRADIENT_BYTES + FLOAT * (hidden * kept + TRAINED_COPIES * largest)
}
