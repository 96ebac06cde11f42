/** The layers of a written model in a report: shapes, zeros, and how well each was pruned. */
import { type BlockFit, type OwnFit, unknownFit } from '../../src/form/block-fit.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { BlockZeros } from '../../src/model/write/zeros.ts'

export interface LayerReport {
  name: string
  block: number
  shape: [out: number, cols: number]
  zeros: number
  /** `damping`, `error` and `agreement`: as in BlockFit. */
  damping: number | null
  error: number | null
  agreement: number | null
}

/** The layers of a federation's model, and whose pruning their figures are of; null: there are none. */
export interface PrunedLayers {
  layers: LayerReport[]
  /** plan: the merge has pruned. sites: each site has; these are means of the known errors, and the largest damping. */
  errorOf: 'plan' | 'sites' | null
}

/**
 * @param fits - the figures of merged blocks, where they are known
 * @param own - those of the sites' own pruning, one entry a site, for blocks whose merge has pruned nothing
 */
export function prunedLayers(
  { layers, forms }: Pick<ModelDescription, 'layers' | 'forms'>,
  zeros: BlockZeros,
  fits: ReadonlyMap<number, BlockFit>,
  own: readonly ReadonlyMap<number, OwnFit>[],
): PrunedLayers {
  const isMerged = [...fits.values()].some(({ error }) => error.some((value) => value !== null))
  const reports = layers.map(({ name, block, role, rows, cols }, i): LayerReport => {
    const merged = fits.get(block) ?? unknownFit(forms[block].layers.length)
    const sites = own.flatMap((site) => site.get(block) ?? [])
    const { damping, error } = isMerged
      ? { damping: merged.damping[role], error: merged.error[role] }
      : {
          damping: largest(sites.map((site) => site.damping[role])),
          error: mean(sites.map((site) => site.error[role])),
        }
    return {
      name,
      block,
      shape: [rows, cols],
      zeros: zeros.layers[i],
      damping,
      error,
      agreement: merged.agreement[role],
    }
  })
  const isKnown = reports.some(({ error }) => error !== null)
  return { layers: reports, errorOf: isMerged ? 'plan' : isKnown ? 'sites' : null }
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}
