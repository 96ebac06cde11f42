/**
 * Checks for weights that are NaN or infinite. A result computed with such a weight is NaN or infinite too, and no mask
 * could be derived from it.
 */
import { InputError } from './errors.ts'

/** Checks one layer's weights. @throws {InputError} WEIGHTS_NOT_FINITE: a weight is NaN or infinite */
export function assertFiniteLayer(layer: string, values: Float32Array): void {
  if (allFinite(values)) return
  throw notFinite(
    `layer ${layer}`,
    values,
    values.findIndex((value) => !Number.isFinite(value)),
  )
}

/**
 * Checks a norm, bias, embedding or mask. Infinity is allowed: a mask can mean it.
 * @throws {InputError} WEIGHTS_NOT_FINITE: a value is NaN
 */
export function assertNumbers(tensor: string, values: Float32Array): void {
  if (allFinite(values)) return
  const at = values.findIndex(Number.isNaN)
  if (at !== -1) throw notFinite(`tensor "${tensor}"`, values, at)
}

/**
 * Whether no value is NaN or infinite: x - x is 0 for a finite x and NaN for any other. Four sums run side by side, so
 * that an addition need not wait for the one before it.
 */
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
