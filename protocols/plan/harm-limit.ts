/** The harm that a member accepts of a merge: see protocols/round/proposal/harm.ts. */
import { PPM, ppmToFraction } from '../../src/base/decimal.ts'
import type { Offer } from './offer.ts'

/**
 * The limits where the offer gives none, by the share that is removed, in ppm. The more is removed, the more the sites'
 * own results differ. They stand at 1.5 times the largest harm of honest merges or above. Of the embedded model, of
 * four sites with one kind of text each and as few as 2 windows of 128 tokens, it is 1.15 at 50 %, 1.60 at 70 %, 2.11
 * at 80 % (`npm run bench -- harm`); where half of all heads and channels are removed, 1.23. Of SmolLM2-135M, whose
 * sites had Wikipedia, web pages and children's stories, 8 windows of 512, pooled in one group, it is 1.59 at 60 % and
 * 2.21 at 70 %.
 */
const BY_SHARE = [
  { most: 500_000, limit: 1.5 },
  { most: 600_000, limit: 2.5 },
  { most: 700_000, limit: 3.5 },
  { most: 800_000, limit: 5 },
  { most: PPM, limit: 10 },
] as const
/** Fewer tokens of a text were not measured. Masks fit a text of few words so well that honest merges harm it. */
const LEAST_TOKENS = 256
/** The limit for such texts: 2.4 was seen with 128 tokens that repeat eight words. */
const LIMIT_OF_FEW = 10
/** The least of them, for help. */
export const LEAST_HARM_LIMIT = BY_SHARE[0].limit

/** The largest harm of a merge that a member of this federation prevotes. */
export function harmLimitOf({
  harmLimit,
  method,
  window,
  windows,
}: Pick<Offer, 'harmLimit' | 'method' | 'window' | 'windows'>): number {
  if (harmLimit !== undefined) return ppmToFraction(harmLimit)
  if (windows * window < LEAST_TOKENS) return LIMIT_OF_FEW
  const { target } = method
  const [zeros, of] = target.kind === 'pattern' ? [target.n, target.m] : [target.ppm, PPM]
  return BY_SHARE.find(({ most }) => zeros * PPM <= most * of)?.limit ?? LEAST_HARM_LIMIT
}
