/**
 * The harm that one member of four can do who keeps to the format: the tables in docs/explanation/liars.md. Each of
 * four sites has one kind of the embedded model's texts; a figure is the mean perplexity over documents of the four
 * kinds that the model never saw. For each method: one site alone, four honest ones, three, and each lie of the fourth.
 * Where a lie is refused or voted down, the figure is the one that it would have had.
 *
 * Where single contributions are merged, the figures are those of the rules l0 and trimmed, and of validation. Where
 * sums decide, each lie has the largest harm to an honest site's own text, and what stops it: in an open plan, and in a
 * masked one. `pooled-` is the rule of that name; `masked-` are l0 and llm-pruner under masks.
 *
 * npm run bench -- liars [--model DIR] [--windows 8] [--window 128] [--tokens 5120] [--steps 20] [--groups 5]
 * [--methods wanda,pooled-sparsegpt,...]
 */
import { parseArgs } from 'node:util'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { StructuredModel } from '../../src/structure/federated/structured-model.ts'
import { type JudgedRow, pooledRows } from './support/lies/judged-rows.ts'
import { type LieBench, type LieRow, maskRows, TARGET } from './support/lies/mask-lies.ts'
import { maskedStructureRows } from './support/lies/masked-structure-lies.ts'
import { maskedVoteRows } from './support/lies/masked-vote-lies.ts'
import { structureRows } from './support/lies/structure-lies.ts'
import { heldWindows, siteWindows, vocabularyOf } from './support/site-windows.ts'

const THREADS = 2
const SITES = 4
const METHODS = [
  'wanda',
  'sparsegpt',
  'llm-pruner',
  'pooled-wanda',
  'pooled-sparsegpt',
  'masked-wanda',
  'masked-sparsegpt',
  'masked-llm-pruner',
]

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      windows: { type: 'string', default: '8' },
      window: { type: 'string', default: '128' },
      tokens: { type: 'string', default: '5120' },
      steps: { type: 'string', default: '20' },
      groups: { type: 'string', default: '5' },
      methods: {
        type: 'string',
        default: METHODS.join(),
      },
    },
  })
  const [count, length, tokens, steps, groups] = [
    values.windows,
    values.window,
    values.tokens,
    values.steps,
    values.groups,
  ].map(Number)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const sites = await siteWindows(decoder, { sites: SITES, count, length })
  const held = await heldWindows(decoder, Math.floor(tokens / length), length)
  await using solvers = await Solvers.create(THREADS)
  await using portable = await Solvers.create(THREADS, 'portable')
  console.log(
    `${decoder.name}, ${SITES} sites, ${count} windows of ${length}, perplexity on ${held.length} x ${tokens}`,
  )
  const bench: LieBench = { decoder, solvers, sites, held, vocabulary: vocabularyOf(decoder, length) }
  const pooled = { ...bench, portable, groups }
  const structured = async () => ({ ...bench, steps, model: await StructuredModel.of(decoder) })
  const rowsOf: Record<string, () => Promise<AsyncIterable<LieRow | JudgedRow>>> = {
    wanda: async () => maskRows(bench, 'wanda'),
    sparsegpt: async () => maskRows(bench, 'sparsegpt'),
    'llm-pruner': async () => structureRows(await structured()),
    'pooled-wanda': async () => pooledRows({ ...pooled, method: { pruner: 'wanda', target: TARGET } }),
    'pooled-sparsegpt': async () => pooledRows({ ...pooled, method: { pruner: 'sparsegpt', target: TARGET } }),
    'masked-wanda': async () => maskedVoteRows(bench, { pruner: 'wanda', target: TARGET }),
    'masked-sparsegpt': async () => maskedVoteRows(bench, { pruner: 'sparsegpt', target: TARGET }),
    'masked-llm-pruner': async () => maskedStructureRows(await structured()),
  }
  for (const method of values.methods.split(',')) {
    console.log(`\n${method}`)
    for await (const row of await rowsOf[method]()) console.log(`  ${'l0' in row ? line(row) : judgedLine(row)}`)
  }
  await decoder.close()
}

function line({ name, l0, trimmed, refused }: LieRow): string {
  return [named(name), figure(l0), figure(trimmed), `  ${refused ?? ''}`].join('')
}

function judgedLine({ name, perplexity, harm, open, masked }: JudgedRow): string {
  const verdicts = Object.entries({ open, masked }).filter(([, verdict]) => verdict !== undefined)
  const all = verdicts.map(([plan, verdict]) => `${plan}: ${verdict}`).join('; ')
  return [named(name), figure(perplexity), figure(harm), `  ${all}`].join('')
}

function named(name: string): string {
  return name.padEnd(58)
}

function figure(value: number | null): string {
  return (value === null ? '-' : value.toPrecision(4)).padStart(10)
}
