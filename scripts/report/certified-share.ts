/** The sentence that says how much of a merged model liars could have changed. */
import type { CertifiedShare } from '../../peers/work/certified-share.ts'
import { counted, percent } from '../terminal/numbers.ts'

/** No sentence where nothing is known. */
export function certifiedInWords(certified: CertifiedShare | null): string[] {
  if (certified === null) return []
  const { liars, members, share, layers } = certified
  const shares = layers.map((layer) => layer.share)
  const [least, most] = [Math.min(...shares), Math.max(...shares)]
  return [
    `${percent(share)} of the mask bits could not have been changed by any ${liars} of the ${counted(members, 'member')}; ` +
      `the layers have between ${percent(least)} and ${percent(most)}.`,
  ]
}
