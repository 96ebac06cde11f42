/** The vectors of a slot: what its contributions are as whole numbers, and their masked form. */
import { readFileSync } from 'node:fs'
import type { BlockForm } from '../../form/block-form.ts'
import type { Merging } from '../../form/merging.ts'
import { isStructuredMethod, type Method, payloadOf, type SparseMethod } from '../../form/method.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { ofAdapters, ofImportances, ofMeanSquares, ofProducts } from '../../merge/masked/plain.ts'
import {
  adaptersForm,
  importancesForm,
  meanSquaresForm,
  productsForm,
  type VectorForm,
  votesForm,
} from '../../merge/masked/vector.ts'
import { ofVotes } from '../../merge/masked/votes.ts'
import type { Wholes } from '../../merge/masked/wholes.ts'
import { decodeContribution } from '../../merge/masks/contribution.ts'
import { decodeProducts } from '../../merge/pooled/products.ts'
import { blockOfSlot, isSecondSlot } from '../../merge/slots.ts'
import { decodeStructured } from '../../merge/structures/structured-contribution.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Bench } from '../bench.ts'

export interface SlotVector {
  slot: number
  form: VectorForm
  /** The vector of an encoded plain contribution. */
  ofPlain(path: string): Wholes[]
}

interface SlotArgs {
  dir: string
  method: Method
  merging: Merging
  /** The slot in the manifest: see src/merge/slots.ts. */
  slot: number
}

export async function vectorOfSlot({ dir, method, merging, slot }: SlotArgs, bench: Bench): Promise<SlotVector> {
  if (isStructuredMethod(method)) {
    const { decoder, forms } = await bench.structured(dir)
    return structuredVector(forms[blockOfSlot(slot, decoder.blocks)], slot, decoder.blocks)
  }
  const decoder = bench.open(dir)
  if (merging.rule !== 'pooled') return votesVector(decoder, method, slot)
  const { blocks, forms } = decoder
  return pooledVector(forms[blockOfSlot(slot, blocks)], slot, { blocks, members: merging.members })
}

/** @param block - also the slot: each block is offered once */
export function votesVector(decoder: Decoder, method: SparseMethod, block: number): SlotVector {
  const form = decoder.forms[block]
  return {
    slot: block,
    form: votesForm(form, method.pruner),
    ofPlain(path) {
      const plain = decodeContribution(form, payloadOf(method.pruner), readFileSync(path))
      const names = decoder.layers.filter((layer) => layer.block === block).map(({ name }) => name)
      return ofVotes({ form, method, base: decoder.baseWeights(block) }, plain, names)
    },
  }
}

/** @param blocks - decoder blocks of the model */
export function pooledVector(
  form: BlockForm,
  slot: number,
  { blocks, members }: { blocks: number; members: number },
): SlotVector {
  if (isSecondSlot(slot, blocks)) {
    const ofPlain = (path: string) => ofProducts(form, decodeProducts(form, readFileSync(path), members), members)
    return { slot, form: productsForm(form, members), ofPlain }
  }
  const ofPlain = (path: string) => ofMeanSquares(decodeContribution(form, 'statistics', readFileSync(path)).inputs)
  return { slot, form: meanSquaresForm(form), ofPlain }
}

/** @param blocks - decoder blocks of the model */
export function structuredVector(form: StructuredForm, slot: number, blocks: number): SlotVector {
  const isTrained = isSecondSlot(slot, blocks)
  return {
    slot,
    form: isTrained ? adaptersForm(form) : importancesForm(form),
    ofPlain(path) {
      const plain = decodeStructured(form, readFileSync(path), [isTrained ? 'adapters' : 'importances'])
      return 'adapters' in plain ? ofAdapters(plain.adapters) : ofImportances(plain.importances)
    },
  }
}
