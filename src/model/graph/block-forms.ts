/** The form of a block, from its layers: which of them read the same input. */
import type { BlockForm } from '../../form/block-form.ts'
import type { Linear } from './layers.ts'

/** The first layer that reads each distinct input, in order. */
export function distinctInputs(layers: readonly Linear[]): Linear[] {
  return layers.filter((layer, role) => layers.findIndex(({ input }) => input === layer.input) === role)
}

export function blockForm(layers: readonly Linear[]): BlockForm {
  const inputs = distinctInputs(layers)
  return {
    inputs: inputs.map(({ cols }) => cols),
    layers: layers.map(({ rows, cols, input }) => ({
      rows,
      cols,
      input: inputs.findIndex((first) => first.input === input),
    })),
  }
}
