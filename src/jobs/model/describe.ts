/** The job of describing a model, so that commands and peers need not open it. */
import { statSync } from 'node:fs'
import type { BlockForm } from '../../form/block-form.ts'
import type { Decoder, LayerInfo } from '../../model/forward/decoder.ts'
import type { UnprunedMatrix } from '../../model/graph/unfollowed.ts'
import { typeName } from '../../onnx/tensor.ts'
import type { Bench } from '../bench.ts'

export interface ModelDescription {
  name: string
  parameters: number
  blocks: number
  /** One entry a block. */
  forms: BlockForm[]
  layers: LayerInfo[]
  /** Element types of the layers' weights, as ONNX names them. */
  types: string[]
  /** Bytes of the graph's file and of those of its weights. */
  bytes: number
  /** Matrices of blocks that are not layers, so they are never pruned. */
  unpruned: UnprunedMatrix[]
  /** The longest window that config.json allows. */
  maxWindow: number | undefined
  /** The only length of window that the graph takes; undefined: any. */
  fixedWindow: number | undefined
}

/** Bytes of the files of a model. */
export function bytesOf({ files }: Pick<Decoder, 'files'>): number {
  return files.reduce((sum, path) => sum + statSync(path).size, 0)
}

/** The windows that a model takes. */
export type WindowLimits = Pick<ModelDescription, 'maxWindow' | 'fixedWindow'>

export async function describe({ dir }: { dir: string }, bench: Bench): Promise<ModelDescription> {
  const decoder = bench.open(dir)
  const { name, parameters, blocks, forms, layers, unpruned, maxWindow, fixed } = decoder
  const matrices = unpruned.map(({ tensors, ...matrix }) => matrix)
  const stored = [...decoder.storedTensors.values()].flat()
  const types = [...new Set(stored.map(({ dataType }) => typeName(dataType)))]
  const size = bytesOf(decoder)
  const facts = { name, parameters, blocks, forms, layers, types, bytes: size, unpruned: matrices }
  return { ...facts, maxWindow, fixedWindow: fixed.window }
}
