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

/** The knowledge of a site when it offers products. */
interface Known {
  own: Moments
  /** Those of another site, where one liar has two texts. */
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

/** The others' parts are next to nothing of such a total. */
const DROWNING = 2 ** 15
const HUGE = 2 ** 20
/**
 * The most that three honest sites do not doubt: 16 times the sites is the most of the sum over all columns
 * (src/merge/masked/doubt.ts), less their own parts, and a tenth for columns that differ.
 */
const UNDOUBTED = 55

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
  ...[UNDOUBTED, DROWNING].flatMap((factor) => [
    ...([0, -0.5, -1, -2] as const).map((power) => ({
      name: `mean squares: ${factor} times their powers of ${power}`,
      meanSquares: (own: readonly Moments[]) => powers(own, power, factor),
      products: zero,
    })),
    {
      name: `mean squares: ${factor} times another site's`,
      meanSquares: (_: readonly Moments[], other: readonly Moments[]) => times(factor)(other),
      products: zero,
    },
  ]),
  { name: 'mean squares: less than nothing, -1 times', meanSquares: times(-1), products: (known) => signed(known, -1) },
]

/** Lies about products. Mean squares are the own text's, or so many times these that the others' count for little. */
export const PRODUCT_LIES: readonly PooledLie[] = [
  ...[1, UNDOUBTED].flatMap((factor) => [
    { name: `products: all zero, ${factor} times`, meanSquares: times(factor), products: zero },
    {
      name: `products: signs flipped, ${factor} times`,
      meanSquares: times(factor),
      products: (known: Known) => signed(known, -1),
    },
    {
      name: `products: random signs as mean squares allow, ${factor} times`,
      meanSquares: times(factor),
      products: (known: Known) => random(known),
    },
    {
      name: `products: another site's text, ${factor} times`,
      meanSquares: (_: readonly Moments[], other: readonly Moments[]) => times(factor)(other),
      products: ofOther,
    },
  ]),
  { name: 'products: random signs of the unit', meanSquares: times(1), products: (known) => random(known, known.unit) },
]

const NO_TARGET = { kind: 'unstructured', ppm: 0 } as const

/** Powers of the mean squares, as large together as so many times these. */
function powers(own: readonly Moments[], power: number, factor: number): Float64Array[] {
  return honest(own).map((of) => {
    const least = Math.min(...of.filter((value) => value > 0))
    const raised = of.map((value) => Math.max(value, least) ** power)
    const size = sum(of) / sum(raised)
    return raised.map((value) => Math.fround(factor * size * value))
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
