/** The lies of test/support/liars.ts as bytes: for each a plan in which it can be told, and a way to tell it. */
import type { Method, PayloadKind, SparseMethod, StructuredMethod } from '../../../src/form/method.ts'
import { trainingOf } from '../../../src/jobs/federation/training.ts'
import { decodeContribution, encodeContribution } from '../../../src/merge/masks/contribution.ts'
import { blockOfSlot, isSecondSlot } from '../../../src/merge/slots.ts'
import { scaledImportances } from '../../../src/merge/structures/scaled-importances.ts'
import { decodeStructured, encodeStructured } from '../../../src/merge/structures/structured-contribution.ts'
import type { StructuredModel } from '../../../src/structure/federated/structured-model.ts'
import { ADAPTER_LIES, atBounds, IMPORTANCE_LIES, MASK_LIES } from '../../support/liars.ts'

/** A slot and the bytes of a contribution to it. */
interface Told {
  slot: number
  bytes: Uint8Array
}

export interface Lie {
  name: string
  method: Method
  rounds: number
  /** The lie that is sent instead of a site's own contribution. */
  tell(own: Told): Told
}

const MASKS: Readonly<Record<PayloadKind, SparseMethod>> = {
  statistics: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
  weights: { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } },
}
/** The second round trains. */
const ROUNDS = 2
const STEPS = 3

/** All lies, over the model that the sites prune. */
export function allLies(model: StructuredModel): Lie[] {
  return [...maskLies(model, 'statistics'), ...maskLies(model, 'weights'), ...structureLies(model)]
}

function maskLies({ decoder }: StructuredModel, payload: PayloadKind): Lie[] {
  const method = MASKS[payload]
  return Object.entries(MASK_LIES[payload]).map(([name, lie]) => ({
    name,
    method,
    rounds: 1,
    tell({ slot, bytes }) {
      const form = decoder.forms[slot]
      const block = { form, base: decoder.baseWeights(slot), target: method.target }
      return { slot, bytes: encodeContribution(form, lie(decodeContribution(form, payload, bytes), block)) }
    },
  }))
}

function structureLies({ decoder, forms }: StructuredModel): Lie[] {
  const { blocks } = decoder
  const target = { kind: 'structured', ppm: 250_000, from: 1, to: blocks - 1, steps: STEPS } as const
  const method: StructuredMethod = { pruner: 'llm-pruner', target }
  const plan = { method, rounds: ROUNDS }
  const early = 'adapters: in round 1, instead of importances'
  return [
    ...Object.entries(IMPORTANCE_LIES).map(([name, lie]) => ({
      ...{ name, method, rounds: 1 },
      tell({ slot, bytes }: Told) {
        const own = decodeStructured(forms[slot], bytes)
        if ('adapters' in own) throw new Error('a plan of one round trains nothing')
        const importances = lie(own.importances.map((values) => Float32Array.from(values))).map(scaledImportances)
        return { slot, bytes: encodeStructured(forms[slot], { importances }) }
      },
    })),
    ...Object.entries({ ...ADAPTER_LIES, [early]: atBounds }).map(([name, lie]) => ({
      ...{ name, ...plan },
      tell(own: Told) {
        const block = blockOfSlot(own.slot, blocks)
        if (isSecondSlot(own.slot, blocks) === (name === early)) return own
        const adapters = lie(forms[block].layers, trainingOf(decoder, block, target, ROUNDS))
        return { slot: blocks + block, bytes: encodeStructured(forms[block], { adapters }) }
      },
    })),
  ]
}
