/**
 * A site compares an opened total with its own part, which is one of the sum's. A total that does not fit is a lie of
 * somebody, or the site's own text is unlike all others'. Only this site can tell: no figures of its part are named.
 */
import type { VectorForm } from './vector.ts'
import { doubtOfVotes } from './votes.ts'
import type { Wholes } from './wholes.ts'

/**
 * The most that mean squares may sum to, divided by a site's own and by the number of sites: over all columns of an
 * input, and in the column in the middle. `npm run bench -- bounds --pruner wanda` has 1.3 and 1.4 for kinds of
 * English, 1.9 and 3.7 for prose and program code, and 3.5 and 22 where one site has nothing but rows of numbers,
 * another one Russian, and a third one sentence over and over. The bounds are five times that. Whoever sends much more
 * drowns all others out, and rounds their products to nothing: docs/explanation/liars.md has the harm.
 */
const MOST_OF_ALL = 16n
const MOST_OF_MIDDLE = 128n

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
  if (kind === 'meanSquares') return firstDoubt(own, sums, doubtOfInput(sites))
  if (kind === 'votes') {
    const inputs = (vector: readonly Wholes[]) => vector.filter(({ form }) => form.width === 16)
    return firstDoubt(inputs(own), inputs(sums), doubtOfInput(sites)) ?? doubtOfVotes(own, sums, sites)
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

function doubtOfInput(sites: number): Doubt {
  const [ofAll, ofMiddle] = [MOST_OF_ALL, MOST_OF_MIDDLE].map((most) => most * BigInt(sites))
  return (input, own, totals) => {
    const column = own.findIndex((value, j) => totals[j] < value)
    if (column >= 0) return `input ${input}, column ${column}: the total of mean squares is below this site's own`
    const all = sumOf(own)
    if (all > 0n && sumOf(totals) > ofAll * all)
      return `input ${input}: the mean squares of all columns sum to more than ${ofAll} times this site's own`
    // A single column may be all but dead at one site and not at another.
    const live = [...own.keys()].filter((j) => own[j] > 0n)
    if (2 * live.filter((j) => totals[j] > ofMiddle * own[j]).length <= live.length) return null
    return `input ${input}: in most columns the total of mean squares is more than ${ofMiddle} times this site's own`
  }
}

function sumOf(values: readonly bigint[]): bigint {
  return values.reduce((sum, value) => sum + value, 0n)
}
