/**
 * The cost of importances, one backward pass of a text, beside two forward passes of the same text: plain ONNX Runtime
 * that runs the model's file whole, logits included, in a process of its own; and the engine's pass through all blocks,
 * as in the bench of prune. In turns, warm; and the memory that the process has had resident at most.
 *
 *   npm run bench -- importance [--model DIR] [--text FILE] [--windows 10] [--window 64]
 */
import { parseArgs } from 'node:util'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { unitImportances } from '../../src/structure/choose/offered-importance.ts'
import { structuresOf } from '../../src/structure/find/follow-blocks.ts'
import { benchWindows, forwardSeconds, plainSeconds } from './support/windows.ts'

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
  const windows = await benchWindows(decoder, values.text, count, length)
  const structures = await structuresOf(decoder)
  console.log(`${decoder.name}, ${count} windows of ${length}, ${THREADS} threads`)
  const seconds: Record<'plain' | 'blocks' | 'importance', number>[] = []
  for (let turn = 0; turn <= TURNS; turn++) {
    const plain = await plainSeconds(decoder, windows)
    const blocks = await forwardSeconds(decoder, windows)
    const start = performance.now()
    await unitImportances(decoder, structures, windows)
    if (turn > 0) seconds.push({ plain, blocks, importance: (performance.now() - start) / 1e3 })
  }
  const least = (of: keyof (typeof seconds)[number]) => Math.min(...seconds.map((each) => each[of]))
  const importance = least('importance')
  const times = (of: 'plain' | 'blocks') => `${(importance / least(of)).toFixed(1)} x ${least(of).toFixed(2)} s`
  const peak = process.resourceUsage().maxRSS / 1024 / 1024
  console.log(`  importances ${importance.toFixed(2)} s`)
  console.log(`  ${times('plain')}, plain ONNX Runtime, whole model`)
  console.log(`  ${times('blocks')}, all blocks one by one, no head`)
  console.log(`  peak memory of this process ${peak.toFixed(2)} GiB`)
  await decoder.close()
}
