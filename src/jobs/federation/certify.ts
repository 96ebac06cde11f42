/** The job of counting, for one block, the mask bits that no liars could have changed: see certified-share.ts. */
import { countKept } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { attainableMeans, certainBits } from '../../merge/masks/certified-share.ts'
import type { Bench } from '../bench.ts'
import { readContributions } from './contribution-files.ts'

interface CertifyArgs {
  dir: string
  target: SparsityTarget
  block: number
  /** Encoded contributions of Wanda's statistics. */
  paths: string[]
  /** The members that may lie. */
  faults: number
}

/** The counts of one layer. */
export interface CertifiedBits {
  certain: number
  bits: number
}

/** One entry a layer, in order of role. */
export async function certify(
  { dir, target, block, paths, faults }: CertifyArgs,
  bench: Bench,
): Promise<CertifiedBits[]> {
  const decoder = bench.open(dir)
  const form = decoder.forms[block]
  const base = decoder.baseWeights(block)
  const contributions = readContributions(form, 'wanda', paths)
  const ranges = form.inputs.map((cols, input) =>
    Array.from({ length: cols }, (_, j) =>
      attainableMeans(
        Float64Array.from(contributions, ({ inputs }) => inputs[input][j]),
        faults,
      ),
    ),
  )
  return form.layers.map((layer, role) => {
    const bits = layer.rows * layer.cols
    return { certain: countKept(certainBits(base[role], layer, ranges[layer.input], target)), bits }
  })
}
