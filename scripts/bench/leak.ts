/**
 * Word counts from what sites offer: see support/attack/count-attack.ts. Everybody has the base model, so everybody
 * knows what each token puts into a layer where it stands alone. In the first block's input that is all there is; later
 * inputs mix in the tokens before. Every site has windows of one kind of the embedded model's texts, and prunes by
 * SparseGPT at 50 %. support/attack/payloads.ts lists what is attacked:
 *
 * - of one site in an open plan: `statistics` (mean squares), `weights` (where enough rows read an input, its products
 * are solved for from them: support/attack/gram-from-weights.ts), and `moments` (mean squares and products);
 * - in a masked plan of all sites: `total D` (mean squares), and `total moments`, which show all texts together;
 * - `less own`: the same of three members, by one of them, who subtracts its own part;
 * - `n less n-1`: two masked plans on the same texts, of which one has one member less;
 * - `D less products`: one masked plan in which a member leaves between its two openings. What the products show of the
 * others is taken from D; what is left is that member's.
 *
 * A figure is the share of the types of the text that are among as many guesses, and behind it the correlation of the
 * counts found with the text's; means over the sites, or sums. `by chance` is what as many drawn guesses find, and `by
 * the language` what the commonest words of other texts of these kinds find.
 *
 * The first table attacks the first block's input as it would be of the text, and as it is offered, over the
 * vocabulary; `exact` is the number of types whose count was found, of all in the texts. (From the vocabulary all
 * tokens come out alike: types that happen to have that count are exact then.) The next ones attack every input as it
 * is offered, then pairs of neighbouring tokens, and importances. Rows are printed as they are found.
 *
 *   npm run bench -- leak [--model DIR] [--sites 4] [--tokens 256,4096] [--window 256] [--importances yes]
 */
import { parseArgs } from 'node:util'
import type { LinearAlgebra, Matrix } from '../../src/algebra/linear-algebra.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { FIRST_BLOCK, type Vocabulary } from '../../src/model/forward/vocabulary.ts'
import { distinctInputs } from '../../src/model/graph/block-forms.ts'
import { layerName } from '../../src/model/graph/layers.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { OnnxAlgebra } from '../../src/runtime/onnx-algebra.ts'
import { StructuredModel } from '../../src/structure/federated/structured-model.ts'
import { Attacker } from './support/attack/attacker.ts'
import { type Score, scored } from './support/attack/count-attack.ts'
import { dictionaryOf } from './support/attack/dictionary.ts'
import { importanceDictionary, offeredImportances } from './support/attack/importances.ts'
import { DECOYS, pairsOf } from './support/attack/pairs.ts'
import { PAYLOADS, type SiteInput } from './support/attack/payloads.ts'
import { countsOf, type InputSums, type SiteSums, siteSums } from './support/attack/site-sums.ts'
import { mean } from './support/lies/mask-lies.ts'
import { heldWindows, siteWindows, vocabularyOf } from './support/site-windows.ts'

const THREADS = 2
const NAMES = Object.keys(PAYLOADS)
/** Payloads of one site, whose pairs of tokens are attacked. */
const OF_ONE_SITE = ['statistics', 'weights', 'moments']
/** Longer texts have more pairs than are solved for in little time. */
const MOST_TOKENS_OF_PAIRS = 256
const [FIRST_WIDTH, WIDTH] = [34, 21]

interface Bench {
  decoder: Decoder
  linear: LinearAlgebra
  vocabulary: Vocabulary
  /** The inputs that each token alone gives, [block][distinct input]. */
  dictionary: Matrix[][]
  /** The counts in other texts of these kinds. */
  language: Float64Array
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      sites: { type: 'string', default: '4' },
      tokens: { type: 'string', default: '256,4096' },
      window: { type: 'string', default: '256' },
      importances: { type: 'string', default: 'yes' },
    },
  })
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const [sites, length] = [Number(values.sites), Number(values.window)]
  const vocabulary = vocabularyOf(decoder, length)
  const linear = await OnnxAlgebra.create({ threads: THREADS })
  const dictionary = await dictionaryOf(decoder, vocabulary.ids)
  const language = await languageOf(decoder, vocabulary)
  const bench: Bench = { decoder, linear, vocabulary, dictionary, language }
  console.log(`${decoder.name}, ${vocabulary.ids.length} ids, ${sites} sites, windows of ${length}`)
  for (const tokens of values.tokens.split(',').map(Number)) {
    const count = Math.floor(tokens / length)
    const all: SiteSums[] = []
    await using solvers = await Solvers.create(THREADS)
    const texts = await siteWindows(decoder, { sites, count, length })
    for (const windows of texts) all.push(await siteSums({ decoder, solvers, vocabulary }, windows))
    console.log(`\n${tokens} tokens a site`)
    await attackFirst(bench, all)
    await attackAll(bench, all)
    if (tokens <= MOST_TOKENS_OF_PAIRS) await attackPairs(bench, all)
    if (values.importances === 'yes') await attackImportances(bench, all)
  }
  await linear.dispose()
  await decoder.close()
}

/** Prints the attack on the first block's first input: a row a payload. */
async function attackFirst({ dictionary, language, linear }: Bench, sites: readonly SiteSums[]): Promise<void> {
  const attacker = new Attacker(linear, dictionary[FIRST_BLOCK][0])
  print('input of block 0', ['of the text', 'exact', 'as offered', 'exact', 'by chance', 'by the language'])
  for (const name of NAMES) {
    const cells: string[] = []
    let rest: string[] = []
    for (const inputOf of [({ onText }: SiteSums) => onText, ({ inputs }: SiteSums) => inputs[FIRST_BLOCK][0]]) {
      const scores: Score[] = []
      const attacks = PAYLOADS[name](sites.map((site) => inputOfSite(site, inputOf)))
      for (const { counts, solve } of attacks) scores.push(scored(await solve(attacker), counts))
      const exact = `${sum(scores, (score) => score.exact)} of ${sum(scores, ({ all }) => all)}`
      cells.push(inShort(scores), exact)
      rest = baselines(
        attacks.map(({ counts }) => counts),
        language,
      )
    }
    print(name, [...cells, ...rest])
  }
}

/** Prints the attack on every input as it is offered: a row an input, a column a payload. */
async function attackAll({ decoder, dictionary, language, linear }: Bench, sites: readonly SiteSums[]): Promise<void> {
  print('\ninput', NAMES)
  for (const [which, name] of ['by chance', 'by the language'].entries()) {
    const cells = NAMES.map((payload) => {
      const attacks = PAYLOADS[payload](sites.map((site) => inputOfSite(site, ({ onText }) => onText)))
      const [chance, common] = baselines(
        attacks.map(({ counts }) => counts),
        language,
      )
      return which === 0 ? chance : common
    })
    print(name, cells)
  }
  for (const [block, inputs] of dictionary.entries()) {
    for (const [input, vectors] of inputs.entries()) {
      const attacker = new Attacker(linear, vectors)
      const cells: string[] = []
      for (const name of NAMES) {
        const scores: Score[] = []
        const attacks = PAYLOADS[name](sites.map((site) => inputOfSite(site, (own) => own.inputs[block][input])))
        for (const { counts, solve } of attacks) scores.push(scored(await solve(attacker), counts))
        cells.push(inShort(scores))
      }
      print(nameOf(decoder, block, input), [...cells, errorOfSolved(sites, block, input)])
    }
  }
}

/** Pairs of neighbouring tokens among decoys of the same tokens. */
async function attackPairs({ decoder, linear }: Bench, sites: readonly SiteSums[]): Promise<void> {
  print(`\npairs of tokens, by chance ${(1 / (1 + DECOYS)).toFixed(2)}`, OF_ONE_SITE)
  const all: { pairs: ReturnType<typeof pairsOf>; dictionary: Matrix[][] }[] = []
  for (const { windows } of sites) {
    const pairs = pairsOf(windows)
    all.push({ pairs, dictionary: await dictionaryOf(decoder, pairs.ids, 2) })
  }
  for (const [block, inputs] of all[0].dictionary.entries()) {
    for (const input of inputs.keys()) {
      const scores = new Map(OF_ONE_SITE.map((name) => [name, [] as Score[]]))
      for (const [k, { dictionary, pairs }] of all.entries()) {
        const attacker = new Attacker(linear, dictionary[block][input])
        const known = sites.map((site) => inputOfSite(site, (own) => own.inputs[block][input]))
        for (const [name, own] of scores) {
          const attack = PAYLOADS[name](known)[k]
          if (attack !== undefined) own.push(scored(await attack.solve(attacker), pairs.counts))
        }
      }
      print(
        nameOf(decoder, block, input),
        [...scores.values()].map((own) => inShort(own)),
      )
    }
  }
}

/** Importances of all blocks at once. */
async function attackImportances(bench: Bench, sites: readonly SiteSums[]): Promise<void> {
  const { language, linear, vocabulary } = bench
  const model = await StructuredModel.of(bench.decoder)
  const common = vocabulary.ids[language.indexOf(Math.max(...language))]
  const attacker = new Attacker(linear, await importanceDictionary(model, vocabulary.ids, common))
  const offered: Float32Array[] = []
  for (const { windows } of sites) offered.push(await offeredImportances(model, windows))
  const total = offered[0].map((_, unit) => offered.reduce((all, own) => all + own[unit], 0))
  const counts = sites.map((site) => site.counts)
  const together = counts[0].map((_, t) => counts.reduce((all, own) => all + own[t], 0))
  print('\nimportances', ['found', 'by chance', 'by the language'])
  for (const [name, sums, wanted] of [
    ['of one site', offered, counts],
    ['total', [total], [together]],
  ] as const) {
    const scores: Score[] = []
    for (const [k, own] of sums.entries()) scores.push(scored(await attacker.solve('vectors', own), wanted[k]))
    print(name, [inShort(scores), ...baselines(wanted, language)])
  }
}

function inputOfSite(site: SiteSums, of: (site: SiteSums) => InputSums): SiteInput {
  return { tokens: site.tokens, counts: site.counts, sums: of(site) }
}

/** Other texts of these kinds: documents that no site has. */
async function languageOf(decoder: Decoder, vocabulary: Vocabulary): Promise<Float64Array> {
  const counts = (await heldWindows(decoder, LANGUAGE.count, LANGUAGE.length)).map((windows) =>
    countsOf(windows, vocabulary),
  )
  return counts[0].map((_, t) => counts.reduce((all, own) => all + own[t], 0))
}

const LANGUAGE = { count: 40, length: 256 }

/** The score of as many guesses by chance, and of the commonest tokens of the language. */
function baselines(counts: readonly Float64Array[], language: Float64Array): [string, string] {
  const chance = counts.map((own) => own.filter((count) => count > 0).length / own.length)
  return [mean(chance).toFixed(2), inShort(counts.map((own) => scored(language, own)))]
}

/** How far products that were solved for from weights are from the true ones, as a share of their norm. */
function errorOfSolved(sites: readonly SiteSums[], block: number, input: number): string {
  const errors = sites.flatMap(({ inputs }) => {
    const { products, solved } = inputs[block][input]
    if (solved === undefined) return []
    const squares = (values: Float32Array) => values.reduce((all, value) => all + value * value, 0)
    return [Math.sqrt(squares(products.map((product, i) => product - solved[i])) / squares(products))]
  })
  return errors.length === 0 ? '' : `solved to ${(100 * mean(errors)).toFixed(1)} %`
}

function nameOf({ cut }: Decoder, block: number, input: number): string {
  return layerName(cut.index, distinctInputs(cut.blocks[block].layers)[input])
}

/** Means over attacks: types, and correlation of counts. */
function inShort(scores: readonly Score[]): string {
  if (scores.length === 0) return '-'
  return [scores.map(({ types }) => types), scores.map(({ correlation }) => correlation)]
    .map((values) => mean(values).toFixed(2))
    .join(' ')
}

function sum(scores: readonly Score[], of: (score: Score) => number): number {
  return scores.reduce((total, score) => total + of(score), 0)
}

function print(first: string, cells: readonly string[]): void {
  console.log([first.padEnd(FIRST_WIDTH), ...cells.map((cell) => cell.padStart(WIDTH))].join('').trimEnd())
}
