/**
 * The knowledge of others about one layer input, payload by payload, and the counts of tokens that they look for.
 * Several sites are members of one plan that pools; products are whole numbers of 16 bits, as they are sent.
 */
import { productsOf, unitOf } from '../../../../src/merge/pooled/products.ts'
import { sumOfMeanSquares } from '../../../../src/merge/sums/exact-sum.ts'
import type { Attacker } from './attacker.ts'
import type { InputSums } from './site-sums.ts'

/** A site's sums of the input that is attacked. */
export interface SiteInput {
  tokens: number
  counts: Float64Array
  sums: InputSums
}

/** One attack: how counts are solved for, and those that are in the text. */
interface Attack {
  solve(attacker: Attacker): Promise<Float64Array>
  counts: Float64Array
}

/** All sites have texts of equal length. */
type Payload = (sites: readonly SiteInput[]) => Attack[]

/** One attack a site, or one a sum. */
export const PAYLOADS: Readonly<Record<string, Payload>> = {
  statistics: (sites) => sites.map((site) => onSquares(Float64Array.from(site.sums.meanSquares), [site])),
  weights: (sites) =>
    sites.flatMap((site) => {
      const { meanSquares, solved } = site.sums
      return solved === undefined ? [] : [onMoments(Float64Array.from(meanSquares), solved, [site])]
    }),
  moments: (sites) => {
    const sum = sumOf(sites)
    return sites.map((site, k) => onMoments(Float64Array.from(site.sums.meanSquares), sum.productsOf([k]), [site]))
  },
  'total D': (sites) => [onSquares(sumOf(sites).totals, sites)],
  'total moments': (sites) => {
    const { productsOf: products, totals } = sumOf(sites)
    return [onMoments(totals, products([...sites.keys()]), sites)]
  },
  'less own D': (sites) => lessOwn(sites, ({ totals }, others) => onSquares(totals, others)),
  'less own moments': (sites) =>
    lessOwn(sites, ({ productsOf: products, totals }, others, places) => onMoments(totals, products(places), others)),
  'n less n-1, D': (sites) => differences(sites, (with_, without, site) => onSquares(minus(with_, without), [site])),
  'n less n-1, moments': (sites) =>
    differences(sites, (with_, without, site) => {
      const all = with_.productsOf([...sites.keys()])
      const others = without.productsOf(sites.slice(1).map((_, k) => k))
      return onMoments(
        minus(with_, without),
        all.map((product, at) => product - others[at]),
        [site],
      )
    }),
  'D less products': (sites) =>
    sites.map((site, k) => {
      const { productsOf: products, totals } = sumOf(sites)
      const listed = products([...sites.keys()].filter((other) => other !== k))
      const tokens = site.tokens
      return {
        counts: site.counts,
        async solve(attacker) {
          const others = await attacker.solve(
            'products',
            scaled(gramOf(new Float64Array(totals.length), listed), tokens),
          )
          return attacker.solve('squares', leftOf(totals, await attacker.squaresOf(others), tokens))
        },
      }
    }),
}

/** The sums that members of a plan open: totals of mean squares, and totals of products of any of them. */
interface OpenedSum {
  totals: Float64Array
  /** Means over all of their tokens, one a pair i < j. @param places - of members */
  productsOf(places: readonly number[]): Float32Array
}

function sumOf(members: readonly SiteInput[]): OpenedSum {
  const cols = members[0].sums.meanSquares.length
  const totals = Float64Array.from({ length: cols }, (_, j) =>
    sumOfMeanSquares(members.map(({ sums }) => sums.meanSquares[j])),
  )
  const unit = unitOf(cols, members.length)
  return {
    totals,
    productsOf(places) {
      const sent = places.map((place) => {
        const { meanSquares, products } = members[place].sums
        return productsOf(products, meanSquares, totals, unit)
      })
      const all = new Float32Array(sent[0].length)
      for (let i = 0, at = 0; i < cols; i++) {
        for (let j = i + 1; j < cols; j++, at++) {
          const total = sent.reduce((sum, own) => sum + own[at], 0)
          all[at] = (total / unit) * Math.sqrt(totals[i] * totals[j])
        }
      }
      return all
    },
  }
}

/** Each of three members subtracts its own part from the totals: what is left is of the two others together. */
function lessOwn(
  sites: readonly SiteInput[],
  attack: (left: OpenedSum, others: readonly SiteInput[], places: readonly number[]) => Attack,
): Attack[] {
  const members = sites.slice(0, MEMBERS_OF_LESS_OWN)
  const sum = sumOf(members)
  return members.map((own, k) => {
    const places = [...members.keys()].filter((place) => place !== k)
    const totals = sum.totals.map((total, j) => total - own.sums.meanSquares[j])
    // The totals of products less those that this member has sent: it knows the unit of each.
    return attack(
      { ...sum, totals },
      places.map((place) => members[place]),
      places,
    )
  })
}

const MEMBERS_OF_LESS_OWN = 3

/** Two plans on the same texts, of which one has one member less. */
function differences(
  sites: readonly SiteInput[],
  attack: (with_: OpenedSum, without: OpenedSum, site: SiteInput) => Attack,
): Attack[] {
  return sites.map((site, k) => {
    const others = sites.filter((_, place) => place !== k)
    return attack(sumOf([site, ...others]), sumOf(others), site)
  })
}

function minus({ totals }: OpenedSum, other: OpenedSum): Float64Array {
  return totals.map((total, j) => Math.max(0, total - other.totals[j]))
}

function onSquares(totals: Float64Array, sites: readonly SiteInput[]): Attack {
  const { counts, tokens } = together(sites)
  return { counts, solve: (attacker) => attacker.solve('squares', scaled(totals, tokens)) }
}

/** @param products - above the diagonal, row by row */
function onMoments(totals: Float64Array, products: Float32Array, sites: readonly SiteInput[]): Attack {
  const { counts, tokens } = together(sites)
  return { counts, solve: (attacker) => attacker.solve('gram', scaled(gramOf(totals, products), tokens)) }
}

/** A total of means is a sum over all texts once each is multiplied by its tokens. */
function together(sites: readonly SiteInput[]): { tokens: number; counts: Float64Array } {
  const [{ tokens, counts: first }] = sites
  return { tokens, counts: first.map((_, t) => sites.reduce((sum, { counts }) => sum + counts[t], 0)) }
}

function scaled(values: Float64Array | Float32Array, tokens: number): Float32Array {
  return Float32Array.from(values, (value) => value * tokens)
}

function leftOf(totals: Float64Array, squares: Float64Array, tokens: number): Float32Array {
  return Float32Array.from(totals, (total, j) => Math.max(0, total * tokens - squares[j]))
}

/** [cols, cols], zeros below the diagonal. */
function gramOf(diagonal: Float64Array, products: Float32Array): Float32Array {
  const cols = diagonal.length
  const gram = new Float32Array(cols * cols)
  for (let i = 0, at = 0; i < cols; i++) {
    gram[i * cols + i] = diagonal[i]
    for (let j = i + 1; j < cols; j++, at++) gram[i * cols + j] = products[at]
  }
  return gram
}
