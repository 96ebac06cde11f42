/**
 * What importances cost: one backward pass of a text through all blocks, beside one plain forward pass of the same text
 * (no head), in the same process, warm; and the memory that the process has had resident at most by then.
 *
 *   npm run bench -- importance [--model DIR] [--text FILE] [--windows 10] [--window 64]
 */
import { parseArgs } from 'node:util'
import { Decoder } from '../../src/model/decoder.ts'
import { structuresOf } from '../../src/structure/find.ts'
import { unitImportances } from '../../src/structure/importances.ts'
import { benchWindows, forwardSeconds } from './support/windows.ts'

const THREADS = 2
/** So many of each; the least of them is told, since others may use the machine. */
const TURNS = 3

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      text: { type: 'string' },
      windows: { type: 'string', default: '10' },
      window: { type: 'string', default: '64' },
    },
  })
  const [count, length] = [values.windows, values.window].map(Number)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const windows = benchWindows(decoder, values.text, count, length)
  const structures = await structuresOf(decoder)
  console.log(`${decoder.name}, ${count} windows of ${length}, ${THREADS} threads`)
  const seconds: { forward: number; importance: number }[] = []
  for (let turn = 0; turn <= TURNS; turn++) {
    const forward = await forwardSeconds(decoder, windows)
    const start = performance.now()
    await unitImportances(decoder, structures, windows)
    if (turn > 0) seconds.push({ forward, importance: (performance.now() - start) / 1e3 })
  }
  const forward = Math.min(...seconds.map((each) => each.forward))
  const importance = Math.min(...seconds.map((each) => each.importance))
  const peak = process.resourceUsage().maxRSS / 1024 / 1024
  console.log(
    `  importances ${importance.toFixed(2)} s, ${(importance / forward).toFixed(1)} x a forward pass (${forward.toFixed(2)} s)`,
  )
  console.log(`  peak memory of this process ${peak.toFixed(2)} GiB`)
  await decoder.close()
}
