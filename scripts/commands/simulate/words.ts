/** The sentences of a simulation for people, before it runs and after it. */
import type { PlanInWords } from '../../../protocols/plan/words.ts'
import { isStructuredMethod, type Method } from '../../../src/form/method.ts'
import { outcomeInWords } from '../../common/block-matrices.ts'
import { certifiedInWords } from '../../report/certified-share.ts'
import type { FederationReport } from '../../report/federation.ts'
import { costInWords } from '../../report/federation-table.ts'
import { bytes, counted, duration, sameLogits } from '../../terminal/numbers.ts'
import type { SimulateOptions } from './options.ts'

/** These lines are shown before anything runs, so that nobody waits for a result that pruning cannot give. */
const WHAT_SPARSITY_GIVES = [
  'What this gives: one pruned model with the same certified masks at every site.',
  'What it does not give: speed in ONNX Runtime on a CPU, which computes with the zeros as with any other number.',
]

const WHAT_REMOVAL_GIVES = [
  'What this gives: one smaller model, the same at every site, with fewer products to compute in any ONNX Runtime.',
]

/** The plan speaks to one site, and all of them are here. The first that fits at a place counts. */
const EACH: readonly (readonly [RegExp, string])[] = [
  [/every block that this site prunes/g, 'every block that a site prunes'],
  [
    /If this site takes part again with the same text and other members/g,
    'If a site takes part again with the same text and other members',
  ],
  [
    /Your text, its tokens and its activations never leave/g,
    'The text, its tokens and its activations never leave a site',
  ],
  [/what kind of text yours is/g, 'what kind of text it is'],
  [/and not of your text/g, 'and not of the text'],
  [/\b[Yy]our (?=peer id|site name|network address)/g, 'its '],
  [/when you are online/g, 'when it is online'],
  [/\byour\b/g, 'its'],
  [/\bThis site\b/g, 'Each site'],
  [/\bthis site\b/g, 'each site'],
]

/** A sentence to one site, as one about each. */
function ofEachSite(sentence: string): string {
  return EACH.reduce((text, [pattern, words]) => text.replace(pattern, words), sentence)
}

/** The plan, the benefit of the result, and the data that leaves a site. */
export function introduction({ what, leaves }: PlanInWords, method: Method): string {
  const gives = isStructuredMethod(method) ? WHAT_REMOVAL_GIVES : WHAT_SPARSITY_GIVES
  const lines = [...what.map(ofEachSite), ...gives, 'What leaves a site:']
  return [...lines, ...leaves.map((line) => `  ${ofEachSite(line)}`)].join('\n')
}

/** The lines below the last table. @param path - the output directory */
export function closing(
  { result, certified, peers, rounds, seconds, plan, perplexity }: FederationReport,
  difference: number | null,
  path: string,
  options: SimulateOptions,
): string {
  const sent = peers.map(({ sentBytes }) => sentBytes)
  const payload = peers.map(({ payloadBytes }) => payloadBytes)
  const roots = new Set(peers.map(({ root }) => root))
  const { embedded, model } = options
  return [
    ...costInWords(perplexity, peers),
    roots.size === 1
      ? `All ${peers.length} sites hold the same model: ${result.root}`
      : `The ${peers.length} sites hold ${roots.size} DIFFERENT models; the founder's: ${result.root}`,
    outcomeInWords(result, plan.structures !== undefined),
    ...certifiedInWords(certified),
    `A site sent ${range(payload)} of contributions, and ${range(sent)} in all.`,
    `${counted(rounds.length, 'round')} in ${duration(seconds)}, all comparisons included.`,
    evaluatedOn(perplexity, options),
    `Model: ${result.model}; ${sameLogits(difference)}.`,
    `Verify: npx --no-install coppice verify ${path}${embedded ? '' : ` --model ${model}`}`,
    `Federation ${plan.id}`,
  ].join('\n')
}

/** The texts on which perplexity was measured, and their numbers of windows. */
function evaluatedOn(perplexity: FederationReport['perplexity'], options: SimulateOptions): string {
  const amounts = perplexity.map(({ text, windows, window }) => `${text} ${counted(windows, 'window')} of ${window}`)
  return `Perplexity (lower is better) is on ${whichTexts(options)}: ${amounts.join(', ')}.`
}

/** Whose texts perplexity is measured on. */
export function whichTexts({ embedded, texts, evaluation }: SimulateOptions): string {
  if (evaluation.files.length > 0) return 'the texts of --eval'
  return embedded && texts.length === 0 ? 'documents that no site has' : 'the end of each text, kept out of calibration'
}

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(bytes)
  return least === most ? least : `${least} to ${most}`
}
