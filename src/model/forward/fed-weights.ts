/**
 * The weights that a decoder's sessions are fed. Those of blocks lie in buffers that are filled again and again, others
 * are read once.
 */

import { assertFiniteLayer, assertNumbers } from '../../base/finite.ts'
import type { BlockWeights } from '../../form/block-weights.ts'
import type { GraphIndex } from '../../onnx/graph.ts'
import { byteLength, DATA_TYPE, type TensorRef, tensorBytes, transpose } from '../../onnx/tensor.ts'
import { collectGarbage } from '../../runtime/memory.ts'
import * as ort from '../../runtime/onnx-runtime.ts'
import { tensorOfBytes } from '../../runtime/session.ts'
import type { DecoderCut } from '../graph/cut.ts'
import { type Linear, layerName } from '../graph/layers.ts'

/** Returns a buffer of this many bytes. */
type BufferOf = (length: number) => Uint8Array<ArrayBuffer>

export class FedWeights {
  private readonly index: GraphIndex
  /** Buffers, by length and by their count of that length within a block. */
  private readonly buffers = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Weights outside the blocks: embedding and head, read once (tied ones are one tensor). */
  private readonly others = new Map<string, ort.Tensor>()
  /** Initializers that were checked to be finite. */
  private readonly numbers = new Set<string>()
  /** Names of layers, by their initializer. */
  private readonly layerNames: ReadonlyMap<string, string>

  constructor(index: GraphIndex, layers: readonly Linear[]) {
    this.index = index
    this.layerNames = new Map(layers.map((layer) => [layer.weight.name, layerName(index, layer)]))
  }

  /**
   * The weights of a block by initializer: the base's, or those of `replaced` (row-major) for its layers. They lie in
   * buffers that the next call fills again, so both belong inside `Sessions.exclusive`.
   */
  ofBlock({ nodes, layers }: DecoderCut['blocks'][number], replaced?: BlockWeights): Map<string, ort.Tensor> {
    const tensors = new Map<string, ort.Tensor>()
    const buffers = new Map<number, number>()
    const bufferOf: BufferOf = (length) => {
      const before = buffers.get(length) ?? 0
      buffers.set(length, before + 1)
      return this.buffer(`${length}:${before}`, length)
    }
    for (const [role, layer] of layers.entries())
      if (replaced) tensors.set(layer.weight.name, replacedTensor(layer, replaced[role], bufferOf))
    for (const node of nodes) this.addBase(node, tensors, bufferOf)
    return tensors
  }

  private addBase(node: number, tensors: Map<string, ort.Tensor>, bufferOf: BufferOf): void {
    for (const input of this.index.nodes[node].input) {
      const maker = this.index.maker(input)
      if (maker !== undefined && this.index.isConstantNode(maker)) this.addBase(maker, tensors, bufferOf)
      const tensor = this.index.initializers.get(input)
      if (tensor === undefined || tensors.has(input)) continue
      tensors.set(input, this.read(tensor, bufferOf(byteLength(tensor))))
    }
  }

  /** @throws {InputError} WEIGHTS_NOT_FINITE */
  private read(tensor: TensorRef, buffer?: Uint8Array<ArrayBuffer>): ort.Tensor {
    const { name, dataType, dims } = tensor
    const read = tensorOfBytes(dataType, tensorBytes(tensor, buffer), dims)
    if (dataType !== DATA_TYPE.float || this.numbers.has(name)) return read
    const layer = this.layerNames.get(name)
    if (layer === undefined) assertNumbers(name, read.data as Float32Array)
    else assertFiniteLayer(layer, read.data as Float32Array)
    this.numbers.add(name)
    return read
  }

  private buffer(key: string, length: number): Uint8Array<ArrayBuffer> {
    const known = this.buffers.get(key)
    if (known) return known
    const made = new Uint8Array(length)
    this.buffers.set(key, made)
    return made
  }

  /** An initializer outside the blocks. */
  outer(name: string): ort.Tensor {
    const known = this.others.get(name)
    if (known) return known
    const tensor = this.index.initializers.get(name)
    if (tensor === undefined) throw new Error(`"${name}" is no initializer`)
    const read = this.read(tensor)
    this.others.set(name, read)
    return read
  }

  dropOuter(): void {
    this.others.clear()
    collectGarbage()
  }
}

function replacedTensor({ weight, stored, rows, cols }: Linear, values: Float32Array, bufferOf: BufferOf): ort.Tensor {
  const elements = new Float32Array(bufferOf(values.byteLength).buffer)
  if (stored === 'out-in') elements.set(values)
  else transpose(values, rows, cols, elements)
  return new ort.Tensor('float32', elements, weight.dims)
}
