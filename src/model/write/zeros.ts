/** Counts of the weights of a model's blocks that are stored as zero. */
import { countZeroValues, type TensorRef } from '../../onnx/tensor.ts'
import type { Decoder } from '../forward/decoder.ts'

export interface BlockZeros {
  /** One count a layer, block by block, in order of role. */
  layers: number[]
  /** One count a matrix that is not a layer, in the order of Decoder.unpruned. */
  unpruned: number[]
}

/** Counts the zeros of a decoder's matrices in their files. */
export function zerosOf({ cut, unpruned }: Decoder): BlockZeros {
  const together = (tensors: readonly TensorRef[]) => tensors.reduce((sum, tensor) => sum + countZeroValues(tensor), 0)
  return {
    layers: cut.blocks.flatMap(({ layers }) => layers.map(({ weight }) => countZeroValues(weight))),
    unpruned: unpruned.map(({ tensors }) => together(tensors)),
  }
}
