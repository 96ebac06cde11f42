/** How many weights of a model's blocks are zero, as they are stored. */
import { countZeroValues, type TensorRef } from '../../onnx/tensor.ts'
import type { Decoder } from '../forward/decoder.ts'

export interface BlockZeros {
  /** By layer. */
  layers: number[]
  /** By matrix that is no layer, as Decoder.unpruned has them. */
  unpruned: number[]
}

export function zerosOf({ cut, unpruned }: Decoder): BlockZeros {
  const together = (tensors: readonly TensorRef[]) => tensors.reduce((sum, tensor) => sum + countZeroValues(tensor), 0)
  return {
    layers: cut.blocks.flatMap(({ layers }) => layers.map(({ weight }) => countZeroValues(weight))),
    unpruned: unpruned.map(({ tensors }) => together(tensors)),
  }
}
