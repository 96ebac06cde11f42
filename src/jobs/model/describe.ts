/** The job of describing a model, so that commands and peers need not open it. */
import type { BlockForm } from '../../form/block-form.ts'
import type { LayerInfo } from '../../model/forward/decoder.ts'
import type { UnprunedMatrix } from '../../model/graph/unfollowed.ts'
import type { Bench } from '../bench.ts'

export interface ModelDescription {
  name: string
  parameters: number
  blocks: number
  /** One entry a block. */
  forms: BlockForm[]
  layers: LayerInfo[]
  /** Matrices of blocks that are not layers, so they are never pruned. */
  unpruned: UnprunedMatrix[]
  /** The longest window that config.json allows. */
  maxWindow: number | undefined
  /** The only length of window that the graph takes; undefined: any. */
  fixedWindow: number | undefined
}

/** The windows that a model takes. */
export type WindowLimits = Pick<ModelDescription, 'maxWindow' | 'fixedWindow'>

export async function describe({ dir }: { dir: string }, bench: Bench): Promise<ModelDescription> {
  const { name, parameters, blocks, forms, layers, unpruned, maxWindow, fixed } = bench.open(dir)
  const matrices = unpruned.map(({ tensors, ...matrix }) => matrix)
  return { name, parameters, blocks, forms, layers, unpruned: matrices, maxWindow, fixedWindow: fixed.window }
}
