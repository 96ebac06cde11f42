/**
 * The lies of one site of four about importances and adapters, where nobody sees more than sums: a part of a sum can be
 * below zero, or many times what a single contribution may be.
 */
import type { StructuredTarget } from '../../../../src/form/method.ts'
import { trainingOf } from '../../../../src/jobs/federation/training.ts'
import { ImpossibleTotalError } from '../../../../src/merge/errors.ts'
import { doubtOf } from '../../../../src/merge/masked/doubt.ts'
import { ADAPTER_UNIT, ofAdapters, ofImportances } from '../../../../src/merge/masked/plain.ts'
import { adapterTotals, assertHonestMean, importanceTotals } from '../../../../src/merge/masked/totals.ts'
import {
  adaptersForm,
  encodeMasked,
  importancesForm,
  sumOf,
  type VectorForm,
} from '../../../../src/merge/masked/vector.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { RATE } from '../../../../src/merge/structures/adapter.ts'
import { MAX_RATES } from '../../../../src/merge/structures/adapter-bounds.ts'
import { scaledImportances } from '../../../../src/merge/structures/scaled-importances.ts'
import { applyStructured } from '../../../../src/merge/structures/structured-block.ts'
import { mergeTotals, type StructuredTotals } from '../../../../src/merge/structures/structured-merge.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import type { StructuredModel } from '../../../../src/structure/federated/structured-model.ts'
import { IMPORTANCE_LIES, untrained } from '../../../../test/support/liars.ts'
import { type JudgedRow, verdicts } from './judged-rows.ts'
import { type LieBench, mean, meanPerplexity } from './mask-lies.ts'
import { importancesOf, methodOf, ROUNDS, startOf } from './structure-lies.ts'
import type { Judgement } from './votes.ts'

/** One entry a block. */
type Vectors = Wholes[][]
type Model = Float32Array[][]

interface Bench extends LieBench {
  model: StructuredModel
  steps: number
}

/** The sums of all blocks, with the reasons for which honest sites doubt them. */
interface Opened extends Pick<Judgement, 'doubts'> {
  sums: Vectors
}

export async function* maskedStructureRows(bench: Bench): AsyncGenerator<JudgedRow> {
  const { model, sites, steps } = bench
  const method = methodOf(model, steps)
  const found: Float32Array[][][] = []
  for (const windows of sites) found.push(await importancesOf(model, windows))
  const scaled = found.map((own) => own.map((values) => values.map(scaledImportances)))
  const offered = scaled.map((own): Vectors => own.map(ofImportances))
  const trained: Vectors = model.forms.map((_, block) => ofAdapters(startOf(model, block)))
  const formOf = { importances: importancesForm, adapters: adaptersForm }
  const open = (part: keyof typeof formOf, vectors: readonly Vectors[]) =>
    opened(
      model.forms.map((form) => formOf[part](form)),
      vectors,
    )
  const merge = (first: readonly Vectors[], second: readonly Vectors[] = []) =>
    merged(model, method.target, [first, second])
  const measured = async (weights: Model | null) =>
    weights === null ? null : meanPerplexity(bench, (block) => weights[block])
  const alone: Model[] = []
  const aloneFigures: number[] = []
  for (const own of offered) {
    const { weights } = merge([own])
    if (weights === null) throw new Error('a site alone has an impossible total')
    alone.push(weights)
    aloneFigures.push((await measured(weights)) ?? Number.NaN)
  }
  yield { name: 'alone, mean of the four', perplexity: mean(aloneFigures), harm: null }
  yield { name: 'four honest, importances', perplexity: await measured(merge(offered).weights), harm: null }
  const judge = async (
    name: string,
    { impossible, weights }: ReturnType<typeof merge>,
    { doubts }: Opened,
  ): Promise<JudgedRow> => {
    const harms: number[] = []
    for (const [site, windows] of sites.entries()) {
      if (site === 0 || weights === null) continue
      const of = async (those: Model) => (await perplexity(model.decoder, windows, (block) => those[block])).perplexity
      harms.push((await of(weights)) / (await of(alone[site])))
    }
    const judgements = [{ impossible, doubts, harms }]
    return {
      name,
      perplexity: await measured(weights),
      ...verdicts(judgements, null, { method, sites }),
      open: undefined,
    }
  }
  const [, ...others] = offered
  for (const weight of WEIGHTS) {
    for (const [name, lie] of Object.entries(IMPORTANCE_LIES)) {
      const lying = found[0].map((own, block) => heavier(scaled[0][block], lie(own).map(scaledImportances), weight))
      const all = [lying, ...others]
      yield judge(`${name}, ${weight} times`, merge(all), open('importances', all))
    }
  }
  for (const weight of WEIGHTS) {
    const lying = model.forms.map((_, block) => farAdapters(model, method.target, block, weight))
    const all = [lying, ...others.map(() => trained)]
    yield judge(`adapters: random signs at ${weight} times their bounds`, merge(offered, all), open('adapters', all))
  }
}

/** So many sites' worth: as one may have in an open plan, and more. */
const WEIGHTS = [1, 2, 3, 4]

/** A lie so many times, and less than nothing of the truth, so that the total stays what it must be. */
function heavier(own: readonly Float64Array[], lie: readonly Float64Array[], weight: number): Wholes[] {
  return lie.map((values, s) => {
    const [times, less] = [BigInt(weight), BigInt(weight - 1)]
    const all = Array.from(values, (value, unit) => times * BigInt(value) - less * BigInt(own[s][unit]))
    return Wholes.ofBigInts(8, all)
  })
}

/** As far from where all began as validation lets a single contribution pass, times a weight. */
function farAdapters({ decoder }: StructuredModel, target: StructuredTarget, block: number, weight: number): Wholes[] {
  const { starts, steps } = trainingOf(decoder, block, target, ROUNDS)
  const far = weight * 0.99 * MAX_RATES * RATE * steps
  const signs = untrained(decoder.forms[block].layers, [1, 1])
  const moved = (from: Float32Array, bits: Uint16Array) =>
    Wholes.ofBigInts(
      8,
      Array.from(from, (value, i) => whole(value + ((bits[i] & 0x8000) === 0 ? far : -far))),
    )
  return starts.flatMap(({ a, b }, role) => [moved(a, signs[role].a), moved(b, signs[role].b)])
}

/** A multiple of 2^-24, as sums of fp16 numbers are, as a whole number. */
function whole(value: number): bigint {
  return BigInt(Math.round(value * 2 ** 24)) * BigInt(ADAPTER_UNIT / 2 ** 24)
}

function opened(forms: readonly VectorForm[], vectors: readonly Vectors[]): Opened {
  const sums = forms.map((form, block) => sumIn(form, vectors, block))
  const doubts = vectors.slice(1).map((own) => {
    const found = forms.map(({ kind }, block) => doubtOf(kind, own[block], sums[block], vectors.length))
    return found.find((doubt) => doubt !== null) ?? null
  })
  return { sums, doubts }
}

function sumIn(form: VectorForm, vectors: readonly Vectors[], block: number): Wholes[] {
  return sumOf(
    form,
    vectors.map((vector) => encodeMasked(form, vector[block])),
  )
}

/** @param parts - the vectors of importances, and of adapters, if any have trained */
function merged(
  { decoder, forms }: StructuredModel,
  target: StructuredTarget,
  [offered, trained]: readonly (readonly Vectors[])[],
): { weights: Model | null; impossible: string | null } {
  try {
    const weights = forms.map((form, block) => {
      const totals: StructuredTotals = {
        importances: importanceTotals(sumIn(importancesForm(form), offered, block), offered.length),
        adapters:
          trained.length === 0 ? null : adapterTotals(sumIn(adaptersForm(form), trained, block), trained.length),
      }
      const whole = mergeTotals(form, target, block, totals)
      const base = decoder.baseWeights(block)
      if (whole.adapters !== null) assertHonestMean(base, trainingOf(decoder, block, target, ROUNDS), whole.adapters)
      return applyStructured(form, base, whole)
    })
    return { weights, impossible: null }
  } catch (error) {
    if (error instanceof ImpossibleTotalError) return { weights: null, impossible: error.reason }
    throw error
  }
}
