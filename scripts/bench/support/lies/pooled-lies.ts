/** The lies of a site about the moments of its text, where all sites' are added up. */
import { drawer } from '../../../../src/form/draw.ts'
import { MASK_LIES } from '../../../../test/support/liars.ts'

/** The moments of a text at one input of a block's layers. */
export interface Moments {
  /** [cols]. */
  meanSquares: Float32Array
  /** The means of x_i x_j, one a pair i < j. */
  gram: Float32Array
}

/** What a site knows when it offers products. */
interface Known {
  own: Moments
  /** Of another site, where one liar has two texts. */
  other: Moments
  /** The mean squares as it has offered them, [cols]. */
  offered: Float64Array
  /** The totals of all sites', [cols]. */
  totals: Float64Array
  /** The whole number that stands for a product of 1. */
  unit: number
}

export interface PooledLie {
  name: string
  /** One entry an input of a block: what is offered, [cols]. Below zero: only masked plans can hold it. */
  meanSquares(own: readonly Moments[], other: readonly Moments[]): Float64Array[]
  /** Whole numbers, one a pair i < j. */
  products(known: Known): Int32Array
}

/**
 * Below the factor from which on honest sites doubt a total (src/merge/masked/doubt.ts). The others' parts are then
 * next to nothing of it.
 */
const DROWNING = 2 ** 15
const HUGE = 2 ** 20

const honest = (own: readonly Moments[]) => own.map(({ meanSquares }) => Float64Array.from(meanSquares))
const times = (factor: number) => (own: readonly Moments[]) => honest(own).map((of) => of.map((x) => factor * x))
const zero = ({ own }: Known) => new Int32Array(own.gram.length)
const told = MASK_LIES.statistics

/** Lies about mean squares. The products are those of the own text, as far as the mean squares allow. */
export const MEAN_SQUARE_LIES: readonly PooledLie[] = [
  ...Object.entries(told).map(([name, lie]) => ({
    name: `mean squares: ${name}`,
    meanSquares(own: readonly Moments[]) {
      const inputs = own.map(({ meanSquares }) => meanSquares)
      const block = { form: { inputs: inputs.map(({ length }) => length), layers: [] }, base: [], target: NO_TARGET }
      return lie({ inputs }, block).inputs.map((values) => Float64Array.from(values))
    },
    products: ofText,
  })),
  {
    name: 'mean squares: one column 2^20 times',
    meanSquares: (own) => honest(own).map((of) => of.map((value, j) => (j === 0 ? HUGE * value : value))),
    products: ofText,
  },
  { name: 'mean squares: 2^15 times, all columns alike', meanSquares: (own) => powers(own, 0), products: zero },
  { name: 'mean squares: 2^15 times their roots', meanSquares: (own) => powers(own, 0.5), products: zero },
  { name: 'mean squares: 2^15 times 1 / their roots', meanSquares: (own) => powers(own, -0.5), products: zero },
  { name: 'mean squares: 2^15 times their reciprocals', meanSquares: (own) => powers(own, -1), products: zero },
  {
    name: "mean squares: 2^15 times their reciprocals' squares",
    meanSquares: (own) => powers(own, -2),
    products: zero,
  },
  {
    name: "mean squares: 2^15 times another site's",
    meanSquares: (_, other) => times(DROWNING)(other),
    products: zero,
  },
  { name: 'mean squares: less than nothing, -1 times', meanSquares: times(-1), products: (known) => signed(known, -1) },
]

/** Lies about products. Mean squares are the own text's, or so many times these that the others' count for nothing. */
export const PRODUCT_LIES: readonly PooledLie[] = [
  { name: 'products: all zero', meanSquares: honest, products: zero },
  { name: 'products: all zero, mean squares 2^15 times', meanSquares: times(DROWNING), products: zero },
  { name: 'products: signs flipped', meanSquares: honest, products: (known) => signed(known, -1) },
  {
    name: 'products: signs flipped, mean squares 2^15 times',
    meanSquares: times(DROWNING),
    products: (known) => signed(known, -1),
  },
  { name: 'products: random signs as mean squares allow', meanSquares: honest, products: (known) => random(known) },
  {
    name: 'products: the same, mean squares 2^15 times',
    meanSquares: times(DROWNING),
    products: (known) => random(known),
  },
  { name: 'products: random signs of the unit', meanSquares: honest, products: (known) => random(known, known.unit) },
  { name: "products: another site's text", meanSquares: (_, other) => honest(other), products: ofOther },
  {
    name: "products: another site's text 2^15 times",
    meanSquares: (_, other) => times(DROWNING)(other),
    products: ofOther,
  },
]

const NO_TARGET = { kind: 'unstructured', ppm: 0 } as const

/** Powers of the mean squares, as large together as 2^15 times these. */
function powers(own: readonly Moments[], power: number): Float64Array[] {
  return honest(own).map((of) => {
    const least = Math.min(...of.filter((value) => value > 0))
    const raised = of.map((value) => Math.max(value, least) ** power)
    const size = sum(of) / sum(raised)
    return raised.map((value) => Math.fround(DROWNING * size * value))
  })
}

function sum(values: Float64Array): number {
  return values.reduce((all, value) => all + value, 0)
}

/** The products of the own text: what mean squares that were told times leave of them. */
function ofText(known: Known): Int32Array {
  return products(known, known.own)
}

function ofOther(known: Known): Int32Array {
  return products(known, known.other)
}

function signed(known: Known, sign: 1 | -1): Int32Array {
  return ofText(known).map((value) => sign * value)
}

/** Correlations of a text, at the size of the mean squares that were offered. */
function products({ offered, totals, unit }: Known, { gram, meanSquares }: Moments): Int32Array {
  return ofPairs(totals.length, (i, j, at) => {
    const own = Math.sqrt(meanSquares[i] * meanSquares[j])
    return own === 0 ? 0 : Math.round((gram[at] / own) * unit * shareOf(offered, totals, i, j))
  })
}

/** Random signs, of this size, or as large as the mean squares that were offered allow. */
function random({ offered, totals, unit }: Known, size?: number): Int32Array {
  const draw = drawer(Buffer.from('random signs'))
  const most = (i: number, j: number) => size ?? Math.floor(unit * shareOf(offered, totals, i, j))
  return ofPairs(totals.length, (i, j) => (draw(2) === 0 ? -1 : 1) * most(i, j))
}

/** The largest product of two columns that these mean squares allow, of the largest of all sites together. */
function shareOf(offered: Float64Array, totals: Float64Array, i: number, j: number): number {
  const all = Math.sqrt(Math.max(totals[i], 0) * Math.max(totals[j], 0))
  return all === 0 ? 0 : Math.min(1, Math.sqrt(Math.abs(offered[i] * offered[j])) / all)
}

function ofPairs(cols: number, product: (i: number, j: number, at: number) => number): Int32Array {
  const all = new Int32Array((cols * (cols - 1)) / 2)
  for (let i = 0, at = 0; i < cols; i++) for (let j = i + 1; j < cols; j++, at++) all[at] = product(i, j, at)
  return all
}
