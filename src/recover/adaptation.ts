/**
 * Adapters on the layers of one decoder. They stand beside the layers while they are trained, and are added to them
 * afterwards.
 */

import type { BlockWeights } from '../form/block-weights.ts'
import { addAdapter, isPruned } from '../merge/structures/adapter.ts'
import type { AddedModels, WeightGradients } from '../model/backward/gradients.ts'
import type { Decoder } from '../model/forward/decoder.ts'
import type { PartModel } from '../model/graph/part.ts'
import * as ort from '../runtime/onnx-runtime.ts'
import type { Adapters } from './adapters.ts'
import { adapterName, withAdapters } from './beside.ts'

export class Adaptation {
  private readonly decoder: Decoder
  private readonly rank: number
  private readonly scale: number
  /** For each block, one entry a layer in order of role: whether the layer's zeros stay zeros. */
  private readonly held: readonly (readonly boolean[])[]
  private readonly models = new Map<string, PartModel>()

  constructor(decoder: Decoder, { rank, alpha }: { rank: number; alpha: number }) {
    this.decoder = decoder
    this.rank = rank
    this.scale = alpha / rank
    this.held = decoder.forms.map((_, block) => decoder.baseWeights(block).map(isPruned))
  }

  /** The number of layers whose zeros stay zeros. */
  get heldLayers(): number {
    return this.held.flat().filter(Boolean).length
  }

  /** The models and tensors for gradients with respect to adapters, whose values may change between two runs. */
  beside(adapters: Adapters): AddedModels {
    const { decoder, held, models, rank, scale } = this
    return {
      modelOf(block, model) {
        const key = `${block}:${model.key}` // blocks that are alike have names of their own
        const made = models.get(key) ?? withAdapters(decoder, block, model, { rank, scale, held: held[block] })
        models.set(key, made)
        return made
      },
      tensorsOf(block) {
        const tensors = decoder.forms[block].layers.flatMap(({ rows, cols }, role): [string, ort.Tensor][] => {
          const { a, b } = adapters.of(block, role)
          return [
            [adapterName(role, 'a'), new ort.Tensor('float32', a, [cols, rank])],
            [adapterName(role, 'b'), new ort.Tensor('float32', b, [rank, rows])],
          ]
        })
        return new Map(tensors)
      },
    }
  }

  /** Copies the gradients of a block's adapters from a backward pass to their places. */
  collect(block: number, found: WeightGradients, gradients: Adapters): void {
    for (const role of this.decoder.forms[block].layers.keys()) {
      const { a, b } = gradients.of(block, role)
      for (const [matrix, into] of [
        ['a', a],
        ['b', b],
      ] as const) {
        const gradient = found.get(adapterName(role, matrix))
        if (gradient === undefined) into.fill(0)
        else into.set(gradient)
      }
    }
  }

  /** The weights of a block with its adapters added, one array a layer in order of role, row-major [rows, cols]. */
  merged(block: number, adapters: Adapters): BlockWeights {
    const { held, rank, scale } = this
    const weights = this.decoder.baseWeights(block)
    for (const [role, weight] of weights.entries())
      addAdapter(weight, adapters.of(block, role), { rank, scale, holdsZeros: held[block][role] })
    return weights
  }
}
