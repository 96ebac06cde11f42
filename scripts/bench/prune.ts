/**
 * What pruning costs beside the plainest thing one can do with the model: one forward pass of the same text through
 * all blocks (no head), in the same process, warm. Prints forward, statistics and solve as multiples of it.
 *
 *   npm run bench -- prune [--model DIR] [--text FILE] [--windows 32] [--window 512]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { storeBlock } from '../../src/model/block-store.ts'
import { Decoder } from '../../src/model/decoder.ts'
import { Stream, type Windows } from '../../src/model/stream.ts'
import { assertEnoughWindows, cutWindows, fileSource, someWindows, tokenStream } from '../../src/model/text.ts'
import { openTokenizer } from '../../src/model/tokenizer.ts'
import { pruneSequential } from '../../src/prune/sequential.ts'
import { Solvers } from '../../src/prune/solvers.ts'

const THREADS = 2
const HALF = { kind: 'unstructured', ppm: 500_000 } as const

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      text: { type: 'string' },
      windows: { type: 'string', default: '32' },
      window: { type: 'string', default: '512' },
    },
  })
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const length = Math.min(Number(values.window), decoder.maxWindow ?? Number.POSITIVE_INFINITY)
  const windows = benchWindows(decoder, values.text, Number(values.windows), length)
  await using solvers = await Solvers.create(THREADS)
  const blocks = Array.from({ length: decoder.blocks }, (_, block) => block)
  console.log(`${decoder.name}, ${windows.count} windows of ${length}, ${THREADS} threads`)
  await forwardSeconds(decoder, windows) // sessions made, files in the page cache
  for (const pruner of ['wanda', 'sparsegpt'] as const) {
    const out = mkdtempSync(join(tmpdir(), 'coppice-bench-'))
    let write = 0
    const plain = await forwardSeconds(decoder, windows)
    const start = performance.now()
    const seconds = await pruneSequential(decoder, solvers, {
      pruner,
      target: HALF,
      blocks,
      windows,
      onBlock({ block, layers }) {
        const begin = performance.now()
        storeBlock(
          out,
          block,
          layers.map(({ weight }) => weight),
        )
        write += (performance.now() - begin) / 1e3
      },
    })
    const total = (performance.now() - start) / 1e3
    rmSync(out, { recursive: true })
    const again = await forwardSeconds(decoder, windows)
    const forward = (plain + again) / 2
    const times = (value: number) => `${value.toFixed(2)} s (${(value / forward).toFixed(2)} x)`
    console.log(`\n${pruner}, 50 %: one plain forward pass ${plain.toFixed(2)} s before, ${again.toFixed(2)} s after`)
    console.log(`  forward     ${times(seconds.forward)}`)
    console.log(`  statistics  ${times(seconds.statistics)}`)
    console.log(`  solve       ${times(seconds.solve)}`)
    console.log(`  together    ${times(seconds.forward + seconds.statistics + seconds.solve)}`)
    console.log(`  write       ${write.toFixed(2)} s, all ${total.toFixed(2)} s`)
  }
  await decoder.close()
}

function benchWindows(decoder: Decoder, text: string | undefined, count: number, length: number): Windows {
  if (text === undefined) {
    const ids = Int32Array.from({ length: count * length }, (_, i) => (i * 7919) % Math.max(2, decoder.vocabulary))
    return { ids, count, length }
  }
  const stream = tokenStream(openTokenizer(decoder.directory.dir), fileSource(text))
  const windows = cutWindows(stream, length)
  assertEnoughWindows(text, stream.length, windows.count, count, length)
  return someWindows(windows, 0, count)
}

async function forwardSeconds(decoder: Decoder, windows: Windows): Promise<number> {
  const start = performance.now()
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
  return (performance.now() - start) / 1e3
}
