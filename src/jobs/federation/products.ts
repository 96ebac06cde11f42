/** The job of offering a site's second moments, once the totals of all sites' mean squares are known. */
import { readFileSync } from 'node:fs'
import { storeFile } from '../../files/stored-file.ts'
import { encodeProducts, productsOf, unitOf } from '../../merge/pooled/products.ts'
import { decodeTotals } from '../../merge/pooled/totals.ts'
import type { Bench } from '../bench.ts'
import { productsPath } from '../block-files.ts'
import type { JobContext } from '../job.ts'
import { readMoments } from './moments-file.ts'

interface ProductsArgs {
  dir: string
  /** The certified totals of each block that is offered, ascending by block. */
  totals: { block: number; path: string }[]
  /** The number of members on the roster. */
  members: number
  /** The directory of this site's own moments, and of the contributions. */
  out: string
}

/**
 * Makes the contributions, and reports the file of each block under the slot behind all blocks.
 * @returns whether all were made; false: the moments of a block are not there, or not whole
 */
export async function products(
  { dir, totals, members, out }: ProductsArgs,
  bench: Bench,
  { signal, emit }: JobContext,
): Promise<boolean> {
  const { forms, blocks } = bench.open(dir)
  for (const [k, { block, path }] of totals.entries()) {
    signal.throwIfAborted()
    const form = forms[block]
    const own = readMoments(out, block, form)
    if (own === null) return false
    const all = decodeTotals(form, readFileSync(path))
    const made = own.map(({ gram, meanSquares }, input) =>
      productsOf(gram, meanSquares, all[input], unitOf(form.inputs[input], members)),
    )
    const file = await storeFile(productsPath(out, block), [encodeProducts(form, made, members)])
    emit({
      type: 'block',
      report: { block: blocks + block, path: file.path, bytes: file.bytes, damping: [], error: [] },
    })
    emit({ type: 'progress', done: k + 1, total: totals.length })
  }
  return true
}
