/**
 * The harm that one member of four can do who keeps to the format: the table in docs/liars.md. Each of four sites has
 * one kind of the embedded model's texts; a figure is the mean perplexity over documents of the four kinds that the
 * model never saw. For each method: one site alone, four honest ones, three, and each lie of the fourth, by the merge
 * rules l0 and trimmed. Where validation refuses a lie, the figure is the one that it would have had.
 *
 *   npm run bench -- liars [--model DIR] [--windows 8] [--window 128] [--tokens 5120] [--steps 20] [--methods M,...]
 */
import { parseArgs } from 'node:util'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { Solvers } from '../../src/prune/run/solvers.ts'
import { StructuredModel } from '../../src/structure/federated/structured-model.ts'
import { type LieTable, maskTable } from './support/lies/mask-lies.ts'
import { structureTable } from './support/lies/structure-lies.ts'
import { heldWindows, siteWindows } from './support/site-windows.ts'

const THREADS = 2
const SITES = 4

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      windows: { type: 'string', default: '8' },
      window: { type: 'string', default: '128' },
      tokens: { type: 'string', default: '5120' },
      steps: { type: 'string', default: '20' },
      methods: { type: 'string', default: 'wanda,sparsegpt,llm-pruner' },
    },
  })
  const [count, length, tokens, steps] = [values.windows, values.window, values.tokens, values.steps].map(Number)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const sites = await siteWindows(decoder, { sites: SITES, count, length })
  const held = await heldWindows(decoder, Math.floor(tokens / length), length)
  await using solvers = await Solvers.create(THREADS)
  console.log(
    `${decoder.name}, ${SITES} sites, ${count} windows of ${length}, perplexity on ${held.length} x ${tokens}`,
  )
  for (const method of values.methods.split(',')) {
    const bench = { decoder, solvers, sites, held }
    print(
      method,
      method === 'llm-pruner'
        ? await structureTable({ ...bench, steps, model: await StructuredModel.of(decoder) })
        : await maskTable(bench, method === 'wanda' ? 'wanda' : 'sparsegpt'),
    )
  }
  await decoder.close()
}

function print(method: string, table: LieTable): void {
  console.log(`\n${method}`)
  for (const { name, l0, trimmed, refused } of table) {
    const figures = [l0, trimmed].map((each) => (each === null ? '-' : each.toPrecision(4)).padStart(10)).join('')
    console.log(`  ${name.padEnd(52)}${figures}  ${refused ?? ''}`)
  }
}
