/**
 * Weights that are no numbers: whatever is computed with one is no number either, and masks would follow from nothing.
 */
import { InputError } from './errors.ts'

/** @throws {InputError} WEIGHTS_NOT_FINITE: a weight is NaN or infinite */
export function assertFiniteLayer(layer: string, values: Float32Array): void {
  if (allFinite(values)) return
  throw notFinite(
    `layer ${layer}`,
    values,
    values.findIndex((value) => !Number.isFinite(value)),
  )
}

/**
 * Norms, biases, embeddings, masks: infinity can be meant in a mask.
 * @throws {InputError} WEIGHTS_NOT_FINITE: a value is NaN
 */
export function assertNumbers(tensor: string, values: Float32Array): void {
  if (allFinite(values)) return
  const at = values.findIndex(Number.isNaN)
  if (at !== -1) throw notFinite(`tensor "${tensor}"`, values, at)
}

/** x - x is 0, or NaN where x is not finite. Four sums, so that an addition need not wait for the one before it. */
export function allFinite(values: Float32Array): boolean {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  const whole = values.length - (values.length % 4)
  for (let i = 0; i < whole; i += 4) {
    a += values[i] - values[i]
    b += values[i + 1] - values[i + 1]
    c += values[i + 2] - values[i + 2]
    d += values[i + 3] - values[i + 3]
  }
  for (let i = whole; i < values.length; i++) a += values[i] - values[i]
  return a + b + c + d === 0
}

function notFinite(whose: string, values: Float32Array, at: number): InputError {
  return new InputError({
    code: 'WEIGHTS_NOT_FINITE',
    what: `${whose} of the model has a weight that is ${values[at]} (number ${at} of ${values.length})`,
    hint: 'The model was damaged in training or export: export it again, in float32.',
  })
}
