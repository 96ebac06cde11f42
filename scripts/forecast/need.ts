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
