/** The job of checking a contribution: null if it is good, else a reason. */
import { readFileSync } from 'node:fs'
import { type Merging, poolsMoments } from '../../form/merging.ts'
import { isStructuredMethod, type Method, payloadOf } from '../../form/method.ts'
import { readMasked } from '../../merge/masked/vector.ts'
import { decodeContribution } from '../../merge/masks/contribution.ts'
import { InvalidContributionError, validateContribution } from '../../merge/masks/validate.ts'
import { decodeProducts } from '../../merge/pooled/products.ts'
import { blockOfSlot, isSecondSlot } from '../../merge/slots.ts'
import { decodeStructured, validateAdapters } from '../../merge/structures/structured-contribution.ts'
import type { Bench } from '../bench.ts'
import { vectorOfSlot } from './slot-vector.ts'
import { trainingOf } from './training.ts'

interface ValidateArgs {
  dir: string
  method: Method
  merging: Merging
  /** The number of rounds in the plan. */
  rounds: number
  /** The slot in the manifest: see src/merge/slots.ts. */
  slot: number
  path: string
}

export async function validate(args: ValidateArgs, bench: Bench): Promise<string | null> {
  try {
    await assertValid(args, bench)
    return null
  } catch (error) {
    if (error instanceof InvalidContributionError) return `${error.reason}: ${error.message}`
    throw error
  }
}

async function assertValid({ dir, method, merging, rounds, slot, path }: ValidateArgs, bench: Bench): Promise<void> {
  const bytes = readFileSync(path)
  if (merging.masked) {
    const { form } = await vectorOfSlot({ dir, method, merging, slot }, bench)
    return void readMasked(form, bytes)
  }
  if (isStructuredMethod(method)) {
    const { decoder, forms } = await bench.structured(dir)
    const block = blockOfSlot(slot, decoder.blocks)
    const part = isSecondSlot(slot, decoder.blocks) ? 'adapters' : 'importances'
    const contribution = decodeStructured(forms[block], bytes, [part])
    if ('importances' in contribution) return
    const training = trainingOf(decoder, block, method.target, rounds)
    return validateAdapters(decoder.baseWeights(block), training, contribution)
  }
  const decoder = bench.open(dir)
  const form = decoder.forms[blockOfSlot(slot, decoder.blocks)]
  if (poolsMoments(method, merging)) {
    if (slot >= decoder.blocks) decodeProducts(form, bytes, merging.members)
    else decodeContribution(form, 'statistics', bytes)
    return
  }
  const kind = payloadOf(method.pruner)
  const contribution = decodeContribution(form, kind, bytes)
  validateContribution({ form, method, base: decoder.baseWeights(slot) }, kind, contribution)
}
