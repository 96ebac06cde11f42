/** Contributions of masks and statistics, read from files. */
import { readFileSync } from 'node:fs'
import type { BlockForm } from '../../form/block-form.ts'
import { type PrunerName, payloadOf } from '../../form/method.ts'
import { doubtOf } from '../../merge/masked/doubt.ts'
import { ofMeanSquares } from '../../merge/masked/plain.ts'
import { encodeMasked, meanSquaresForm, sumOf } from '../../merge/masked/vector.ts'
import { type BlockContribution, decodeContribution } from '../../merge/masks/contribution.ts'
import { addProducts } from '../../merge/pooled/pooled-block.ts'
import { areProducts, decodeProducts } from '../../merge/pooled/products.ts'
import { type PooledTotals, totalsOf } from '../../merge/pooled/totals.ts'

export function readContributions(form: BlockForm, pruner: PrunerName, paths: readonly string[]): BlockContribution[] {
  return paths.map((path) => decodeContribution(form, payloadOf(pruner), readFileSync(path)))
}

/**
 * The totals of plain contributions to a block that is pooled: mean squares, and products once these are offered. One
 * contribution's products are in memory at a time.
 */
export function pooledTotals(form: BlockForm, paths: readonly string[], members: number): PooledTotals {
  const statistics: BlockContribution[] = []
  const ofProducts: string[] = []
  for (const path of paths) {
    const bytes = readFileSync(path)
    if (areProducts(bytes)) ofProducts.push(path)
    else statistics.push(decodeContribution(form, 'statistics', bytes))
  }
  return {
    sites: statistics.length,
    meanSquares: totalsOf(form, statistics),
    products: ofProducts.length === 0 ? null : addProducts(form, decodedProducts(form, ofProducts, members)),
  }
}

/**
 * The reason to doubt the totals of plain mean squares: see src/merge/masked/doubt.ts. null: they fit, or this site's
 * own part is not in them.
 * @param own - of this site; null: it has none
 */
export function doubtOfPlain(form: BlockForm, paths: readonly string[], own: string | null): string | null {
  if (own === null) return null
  const ownBytes = readFileSync(own)
  const all = paths.map((path) => readFileSync(path)).filter((bytes) => !areProducts(bytes))
  if (!all.some((bytes) => bytes.equals(ownBytes))) return null
  const vectorOf = (bytes: Uint8Array) => ofMeanSquares(decodeContribution(form, 'statistics', bytes).inputs)
  const shape = meanSquaresForm(form)
  const sums = sumOf(
    shape,
    all.map((bytes) => encodeMasked(shape, vectorOf(bytes))),
  )
  return doubtOf('meanSquares', vectorOf(ownBytes), sums, all.length)
}

function* decodedProducts(form: BlockForm, paths: readonly string[], members: number): Generator<Int32Array[]> {
  for (const path of paths) yield decodeProducts(form, readFileSync(path), members)
}
