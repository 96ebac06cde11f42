/** The lies of one site of four about weights, where all see only how many keep each and the sum of their values. */
import { payloadOf, type SparseMethod } from '../../../../src/form/method.ts'
import { ImpossibleTotalError } from '../../../../src/merge/errors.ts'
import { doubtOf } from '../../../../src/merge/masked/doubt.ts'
import { encodeMasked, sumOf, votesForm } from '../../../../src/merge/masked/vector.ts'
import { ofVotes, votesTally } from '../../../../src/merge/masked/votes.ts'
import { mergeTally } from '../../../../src/merge/masks/l0.ts'
import { applyMerged } from '../../../../src/merge/masks/merged-block.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import { MASK_LIES, randomSigns } from '../../../../test/support/liars.ts'
import { type JudgedRow, verdicts } from './judged-rows.ts'
import { contributed, type LieBench, type Model, mean, meanPerplexity, mergedWeights, refusal } from './mask-lies.ts'
import { largestHarm } from './votes.ts'

/** Norms of random signs, divided by that of the base's layer: a sum of four has room for more than one may have. */
const NORMS = [0.6, 0.8, 1, 2, 4]

export async function* maskedVoteRows(bench: LieBench, method: SparseMethod): AsyncGenerator<JudgedRow> {
  const { decoder, sites, vocabulary } = bench
  const honest: Model[] = []
  for (const windows of sites) honest.push(await contributed(bench, method, windows, vocabulary))
  const own = sites.map((_, site) => perplexityOn(bench, site, [honest[site]], method))
  const alone: number[] = []
  for (const model of honest) alone.push(await meanPerplexity(bench, mergedWeights(decoder, method, [model])))
  yield { name: 'alone, mean of the four', perplexity: mean(alone), harm: null }
  const row = async (name: string, models: readonly Model[], honestFrom: number): Promise<JudgedRow> => {
    const { impossible, doubts } = judgedSums(bench, method, models)
    const figure = await meanPerplexity(bench, mergedWeights(decoder, method, models))
    const harms: number[] = []
    for (let site = honestFrom; site < sites.length; site++)
      harms.push((await perplexityOn(bench, site, models, method)) / (await own[site]))
    const judgements = [{ impossible, doubts: doubts.slice(honestFrom), harms }]
    if (honestFrom === 0) return { name, perplexity: figure, harm: largestHarm(judgements) }
    const refused = refusal(decoder, method.pruner, models[0])
    return { name, perplexity: figure, ...verdicts(judgements, refused, { method, sites }) }
  }
  yield row('four honest', honest, 0)
  const [liar, ...others] = honest
  const blockOf = (block: number) => ({
    form: decoder.forms[block],
    base: decoder.baseWeights(block),
    target: method.target,
  })
  for (const [name, lie] of Object.entries(MASK_LIES[payloadOf(method.pruner)])) {
    const lying = liar.map((contribution, block) => lie(contribution, blockOf(block)))
    yield row(name, [lying, ...others], 1)
  }
  if (payloadOf(method.pruner) !== 'weights') return
  for (const norm of NORMS) {
    const lying = liar.map((contribution, block) => randomSigns(contribution, blockOf(block).base, norm))
    yield row(`random signs at ${norm} times the norm`, [lying, ...others], 1)
  }
}

async function perplexityOn(
  { decoder, sites }: LieBench,
  site: number,
  models: readonly Model[],
  method: SparseMethod,
): Promise<number> {
  return (await perplexity(decoder, sites[site], mergedWeights(decoder, method, models))).perplexity
}

/** The finding of every site in the sums of all blocks. The merge has the same bits as that of plain contributions. */
function judgedSums(
  { decoder }: LieBench,
  method: SparseMethod,
  models: readonly Model[],
): { impossible: string | null; doubts: (string | null)[] } {
  const doubts: (string | null)[] = models.map(() => null)
  let impossible: string | null = null
  for (const [block, form] of decoder.forms.entries()) {
    const base = decoder.baseWeights(block)
    const blockCase = { form, method, base }
    const names = form.layers.map((_, role) => `${role}`)
    const vectors = models.map((model) => ofVotes(blockCase, model[block], names))
    const shape = votesForm(form, method.pruner)
    const sums = sumOf(
      shape,
      vectors.map((vector) => encodeMasked(shape, vector)),
    )
    for (const [k, vector] of vectors.entries()) doubts[k] ??= doubtOf('votes', vector, sums, models.length)
    try {
      applyMerged(form, base, mergeTally(blockCase, votesTally(blockCase, sums, models.length)))
    } catch (error) {
      if (!(error instanceof ImpossibleTotalError)) throw error
      impossible ??= `block ${block}, ${error.reason}`
    }
  }
  return { impossible, doubts }
}
