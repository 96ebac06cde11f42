/** Adam with bias correction and no weight decay. Source: Kingma, Ba 2014 (arXiv 1412.6980), algorithm 1. */

/**
 * Decay rates of the moments, and the term that keeps a quotient finite. The values are the paper's; PyTorch's AdamW
 * has them too.
 */
const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8

export interface Moments {
  first: Float32Array<ArrayBuffer>
  second: Float32Array<ArrayBuffer>
}

/** The moments before the first step: zeros. */
export function noMoments(size: number): Moments {
  return { first: new Float32Array(size), second: new Float32Array(size) }
}

/**
 * One step of Adam. Changes values and moments, all arrays of one length.
 * @param step - number of this step, from 1
 * @param rate - learning rate
 */
export function adamStep(
  values: Float32Array,
  gradients: Float32Array,
  { first, second }: Moments,
  { step, rate }: { step: number; rate: number },
): void {
  const size = rate / (1 - BETA1 ** step)
  const spread = Math.sqrt(1 - BETA2 ** step)
  for (let i = 0; i < values.length; i++) {
    const g = gradients[i]
    const m = BETA1 * first[i] + (1 - BETA1) * g
    const v = BETA2 * second[i] + (1 - BETA2) * g * g
    first[i] = m
    second[i] = v
    values[i] -= (size * m) / (Math.sqrt(v) / spread + EPSILON)
  }
}
