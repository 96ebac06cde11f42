/** Contributions of members that keep to the format and lie: each would ruin the model, or tries to. */
import type { BlockForm, LayerForm } from '../../src/form/block-form.ts'
import { float16Of, fp16Bits } from '../../src/form/fp16.ts'
import { countKept } from '../../src/form/mask.ts'
import type { PayloadKind, SparsityTarget } from '../../src/form/method.ts'
import { weightBounds } from '../../src/merge/masks/bounds.ts'
import type { BlockContribution } from '../../src/merge/masks/contribution.ts'
import { RANK, RATE } from '../../src/merge/structures/adapter.ts'
import { MAX_RATES } from '../../src/merge/structures/adapter-bounds.ts'
import { type PackedAdapter, packed, type Training } from '../../src/merge/structures/structured-contribution.ts'
import { Random } from './random.ts'

/** A block as its liar knows it. */
interface LiedBlock {
  form: BlockForm
  /** One array a layer in order of role. */
  base: readonly Float32Array[]
  target: SparsityTarget
}

type MaskLie = (own: BlockContribution, block: LiedBlock) => BlockContribution

/** The lies of each payload, by name: what a member sends instead of its own contribution to a block. */
export const MASK_LIES: Readonly<Record<PayloadKind, Readonly<Record<string, MaskLie>>>> = {
  statistics: {
    'reciprocals, as large as honest ones': ({ inputs }) => ({ inputs: reciprocals(inputs) }),
    'reciprocals times 1e30': ({ inputs }) => ({ inputs: reciprocals(inputs, 1e30) }),
    'one column of 1e14, all others 0': (_, { form }) => oneColumn(form),
  },
  weights: {
    'survivors times -1.8': (own) => scaled(own),
    'survivors times -1': (own) => scaled(own, -1),
    'random signs at the norm bound': (own, { base, target }) => randomSigns(own, base, weightBounds(target).norm),
    'random signs at twice the norm': (own, { base }) => randomSigns(own, base, 2),
    'turned as far as the bounds allow': (own, { base, target }) => turned(own, base, weightBounds(target)),
    'survivors times 1/1000': (own) => scaled(own, 0.001),
  },
}

/** Lies about importances before these are scaled, by name. */
export const IMPORTANCE_LIES: Readonly<Record<string, (own: readonly Float32Array[]) => Float32Array[]>> = {
  'importances: reciprocals': (own) => reciprocals(own),
  'importances: 1e30 times the reciprocals': (own) => reciprocals(own, 1e30),
}

type AdapterLie = (layers: readonly LayerForm[], training: Training) => PackedAdapter[]

export const ADAPTER_LIES: Readonly<Record<string, AdapterLie>> = {
  'adapters: A = 60,000, B = 0': hugeFactor,
  'adapters: never trained, of random signs': (layers) => untrained(layers, [0.05, 0.05]),
  'adapters: at their bounds, of random signs': atBounds,
}

/** Survivors times a factor; at -1.8 the mean of one such and three honest layers is 0.3 of what it should be. */
export function scaled({ inputs, layers }: BlockContribution, factor = -1.8): BlockContribution {
  return {
    inputs,
    layers: (layers ?? []).map(({ mask, survivors }) => ({
      mask,
      survivors: fp16Bits(Float64Array.from(float16Of(survivors), (value) => factor * value)),
    })),
  }
}

/** Masks as they are, and survivors of one size and random signs: a layer's norm is `norm` times the base's. */
export function randomSigns(
  { inputs, layers }: BlockContribution,
  base: readonly Float32Array[],
  norm: number,
): BlockContribution {
  const random = new Random(18)
  return {
    inputs,
    layers: (layers ?? []).map(({ mask }, role) => {
      const kept = countKept(mask)
      const squares = base[role].reduce((sum, w) => sum + w * w, 0)
      const size = 0.999 * norm * Math.sqrt(squares / Math.max(kept, 1)) // a little less, for the rounding to fp16
      return { mask, survivors: fp16Bits(Float64Array.from({ length: kept }, () => random.sign() * size)) }
    }),
  }
}

/** Survivors turned away from the base as far as this cosine allows, at this norm. */
export function turned(
  { inputs, layers }: BlockContribution,
  base: readonly Float32Array[],
  { cosine, norm }: { cosine: number; norm: number },
): BlockContribution {
  const random = new Random(19)
  return {
    inputs,
    layers: (layers ?? []).map(({ mask }, role) => {
      const kept = base[role].filter((_, i) => ((mask[i >> 3] >> (i & 7)) & 1) === 1)
      const noise = Float64Array.from(kept, () => random.sign())
      const own = squaresOf(kept)
      const along = kept.reduce((sum, w, i) => sum + w * noise[i], 0) / Math.max(own, Number.MIN_VALUE)
      const across = noise.map((value, i) => value - along * kept[i])
      const length = 0.999 * norm * Math.sqrt(squaresOf(base[role])) // a little less, for the rounding to fp16
      const inside = Math.min(1, cosine + 0.001)
      const [with_, off] = [inside / Math.sqrt(own), Math.sqrt((1 - inside * inside) / squaresOf(across))]
      return { mask, survivors: fp16Bits(across.map((value, i) => length * (with_ * kept[i] + off * value))) }
    }),
  }
}

function squaresOf(values: Float32Array | Float64Array): number {
  let squares = 0
  for (const value of values) squares += value * value
  return squares
}

/** About the largest number that is added up: 2^47. */
const LARGEST = 1e14

/** Numbers that rank the other way round: what matters most to others matters least. Zeros become the largest. */
function reciprocals(values: readonly Float32Array[], factor = 1): Float32Array[] {
  const least = Math.min(...values.map((own) => Math.min(...own.filter((value) => value > 0))))
  return values.map((own) => own.map((value) => Math.min(factor / Math.max(value, least), LARGEST)))
}

/** A = 60,000 and B = 0: it changes nothing alone, and all with the B of others. */
export function hugeFactor(layers: readonly LayerForm[]): PackedAdapter[] {
  return layers.map(({ rows, cols }) => ({
    a: fp16Bits(new Float64Array(RANK * cols).fill(60_000)),
    b: new Uint16Array(RANK * rows),
  }))
}

/** Adapters that nobody has trained: numbers of random signs, of one size in A and of another in B. */
export function untrained(layers: readonly LayerForm[], [a, b]: [number, number]): PackedAdapter[] {
  const random = new Random(20)
  const signs = (length: number, size: number) => fp16Bits(Float64Array.from({ length }, () => random.sign() * size))
  return layers.map(({ rows, cols }) => ({ a: signs(RANK * cols, a), b: signs(RANK * rows, b) }))
}

/** As far from where all began as validation lets pass. */
export function atBounds(layers: readonly LayerForm[], { starts, steps }: Training): PackedAdapter[] {
  const moves = untrained(layers, [1, 1])
  const far = 0.99 * MAX_RATES * RATE * steps
  const toward = (bits: number) => ((bits & 0x8000) === 0 ? far : -far)
  return starts.map(({ a, b }, role) =>
    packed({
      a: a.map((x, i) => x + toward(moves[role].a[i])),
      b: b.map((_, i) => toward(moves[role].b[i])),
    }),
  )
}

/** Statistics of the first column alone: all others look as if nothing ever passed them. */
function oneColumn({ inputs }: BlockForm): BlockContribution {
  return { inputs: inputs.map((cols) => Float32Array.from({ length: cols }, (_, j) => (j === 0 ? LARGEST : 0))) }
}
