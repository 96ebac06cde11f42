/** Contributions of masks and statistics, read from files. */
import { readFileSync } from 'node:fs'
import type { BlockForm } from '../../form/block-form.ts'
import { type PrunerName, payloadOf } from '../../form/method.ts'
import { type BlockContribution, decodeContribution } from '../../merge/masks/contribution.ts'
import { areProducts, decodeProducts } from '../../merge/pooled/products.ts'

export function readContributions(form: BlockForm, pruner: PrunerName, paths: readonly string[]): BlockContribution[] {
  return paths.map((path) => decodeContribution(form, payloadOf(pruner), readFileSync(path)))
}

/** Contributions to a block whose second moments are pooled: mean squares, and products once these are offered. */
export function readPooled(form: BlockForm, paths: readonly string[], members: number) {
  const files = paths.map((path) => readFileSync(path))
  const statistics = files.filter((bytes) => !areProducts(bytes))
  const products = files.filter((bytes) => areProducts(bytes))
  return {
    statistics: statistics.map((bytes) => decodeContribution(form, 'statistics', bytes)),
    isComplete: products.length > 0,
    *products(): Generator<Int32Array[]> {
      for (const bytes of products) yield decodeProducts(form, bytes, members)
    },
  }
}
