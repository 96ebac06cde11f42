/** The length of a contribution, before it is made. */
import type { Merging } from '../../src/form/merging.ts'
import { poolsMoments } from '../../src/form/merging.ts'
import { isStructuredMethod, type Method, payloadOf } from '../../src/form/method.ts'
import type { StructuredForms } from '../../src/jobs/federation/structured-forms.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import { maskedBytes, meanSquaresForm, productsForm, votesForm } from '../../src/merge/masked/vector.ts'
import { contributionBytes } from '../../src/merge/masks/contribution.ts'
import { productsBytes } from '../../src/merge/pooled/products.ts'
import { blockOfSlot, isSecondSlot } from '../../src/merge/slots.ts'

export interface Contributing {
  description: ModelDescription
  method: Method
  merging: Merging
  /** null: no structures are removed. */
  structured: StructuredForms | null
}

/** Bytes of what a member offers for a slot: they differ only where weights are offered, by how many are kept. */
export function contributionBytesOf(
  { description: { blocks, forms }, merging, method, structured }: Contributing,
  slot: number,
): { least: number; most: number } {
  const block = blockOfSlot(slot, blocks)
  const isSecond = isSecondSlot(slot, blocks)
  if (isStructuredMethod(method)) {
    const lengths = (merging.masked ? structured?.masked : structured?.bytes)?.[block]
    return exactly((isSecond ? lengths?.adapters : lengths?.importances) ?? 0)
  }
  const form = forms[block]
  if (merging.masked && merging.rule !== 'pooled') return exactly(maskedBytes(votesForm(form, method.pruner)))
  if (merging.masked)
    return exactly(maskedBytes(isSecond ? productsForm(form, merging.members) : meanSquaresForm(form)))
  if (!poolsMoments(method, merging)) return contributionBytes(form, payloadOf(method.pruner))
  return isSecond ? exactly(productsBytes(form, merging.members)) : contributionBytes(form, 'statistics')
}

function exactly(bytes: number): { least: number; most: number } {
  return { least: bytes, most: bytes }
}
