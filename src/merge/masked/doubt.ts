/**
 * What a site can tell of an opened total by its own part, which is one of the sum's. A total that does not fit is a
 * lie of somebody, or the site's own text is unlike all others'. Only this site can tell: no figures of its part are
 * named.
 */
import type { VectorForm } from './vector.ts'
import { doubtOfVotes } from './votes.ts'
import type { Wholes } from './wholes.ts'

/**
 * So many times a site's own mean squares and more: then its products would be rounded to nothing. A product is at most
 * own / total of its unit, which is below 2^15 where there are 16 bits, so less than one half is left of it. Sites
 * differ much less: their texts run through one model, and at most 64 are added up.
 */
const OWN_FACTOR = 65_536n

/**
 * The reason to doubt a total; null: it fits. Products and adapters may cancel each other out, so nothing is known of
 * theirs.
 * @param own - this site's own vector
 * @param sums - of the list's vectors, without streams
 * @param sites - members of the list
 */
export function doubtOf(
  kind: VectorForm['kind'],
  own: readonly Wholes[],
  sums: readonly Wholes[],
  sites: number,
): string | null {
  if (kind === 'meanSquares') return firstDoubt(own, sums, doubtOfInput)
  if (kind === 'votes') {
    const inputs = (vector: readonly Wholes[]) => vector.filter(({ form }) => form.width === 16)
    return firstDoubt(inputs(own), inputs(sums), doubtOfInput) ?? doubtOfVotes(own, sums, sites)
  }
  return kind === 'importances' ? firstDoubt(own, sums, doubtOfStructure) : null
}

type Doubt = (part: number, own: readonly bigint[], totals: readonly bigint[]) => string | null

function firstDoubt(own: readonly Wholes[], sums: readonly Wholes[], doubt: Doubt): string | null {
  for (const [part, sum] of sums.entries()) {
    const found = doubt(part, own[part].bigInts(), sum.bigInts())
    if (found !== null) return found
  }
  return null
}

function doubtOfStructure(structure: number, own: readonly bigint[], totals: readonly bigint[]): string | null {
  const unit = own.findIndex((value, i) => totals[i] < value)
  return unit < 0 ? null : `structure ${structure}, unit ${unit}: the total of importances is below this site's own`
}

function doubtOfInput(input: number, own: readonly bigint[], totals: readonly bigint[]): string | null {
  const column = own.findIndex((value, j) => totals[j] < value)
  if (column >= 0) return `input ${input}, column ${column}: the total of mean squares is below this site's own`
  // A single column may be all but dead at one site and not at another. Damping is by the mean of all.
  if (isFar(sumOf(own), sumOf(totals)))
    return `input ${input}: the mean squares of all columns sum to more than ${OWN_FACTOR} times this site's own`
  const live = [...own.keys()].filter((j) => own[j] > 0n)
  if (2 * live.filter((j) => isFar(own[j], totals[j])).length <= live.length) return null
  return `input ${input}: in most columns the total of mean squares is more than ${OWN_FACTOR} times this site's own`
}

function isFar(own: bigint, total: bigint): boolean {
  return own > 0n && total > OWN_FACTOR * own
}

function sumOf(values: readonly bigint[]): bigint {
  return values.reduce((sum, value) => sum + value, 0n)
}
