/**
 * The process in which fuzzed models are opened and run: ONNX Runtime aborts on some of them, and a model that hangs
 * can be ended.
 */

import { rmSync } from 'node:fs'
import { windowFor } from '../../scripts/options/site.ts'
import { refusalToObject } from '../../src/base/errors.ts'
import type { Windows } from '../../src/form/windows.ts'
import { LossGradients } from '../../src/model/backward/gradients.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { perplexity } from '../../src/model/forward/perplexity.ts'
import { Stream } from '../../src/model/forward/stream.ts'
import { plainAttempt, writeModel } from '../../src/model/write/write.ts'
import * as ort from '../../src/runtime/onnx-runtime.ts'
import type { PlainAttempt, PlainTensor } from '../../src/runtime/reference-run.ts'
import { chooseRemoval } from '../../src/structure/choose/choose-removal.ts'
import { sliceStructures } from '../../src/structure/cut/slice.ts'
import { followBlocks } from '../../src/structure/find/follow-blocks.ts'
import { expectedSliced, writeSliced } from '../../src/structure/write/write.ts'
import type { Answer, How, Task } from './model.ts'

process.on('message', async ({ dir, how }: Task) => {
  const before = process.cpuUsage()
  const answer: Answer = { refusal: null, stack: null, bytes: 0, ms: 0 }
  try {
    await openAndRun(dir, how)
  } catch (error) {
    answer.refusal = refusalToObject(error)
    if (answer.refusal === null) answer.stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  const { user, system } = process.cpuUsage(before)
  answer.ms = (user + system) / 1000
  answer.bytes = process.memoryUsage().rss
  process.send?.(answer)
})

const WINDOWS = { ids: Int32Array.from({ length: 16 }, (_, i) => 3 + i), count: 2, length: 8 }
/** Longer ones would be computed for seconds, as they should. */
const LONGEST_WINDOW = 512

/** A model that gives no numbers where plain ONNX Runtime gives none, or gives its numbers. */
async function openAndRun(dir: string, how: How): Promise<void> {
  const decoder = Decoder.open(dir, { threads: 1 })
  try {
    const { fixed, maxWindow, parameters, macs } = decoder
    const chosen = windowFor(undefined, { maxWindow, fixedWindow: fixed.window })
    if (!Number.isInteger(chosen) || chosen < 2) throw new Error(`windows of ${chosen} tokens`)
    if (!Number.isFinite(parameters) || !Number.isFinite(macs))
      throw new Error(`${parameters} parameters, ${macs} MACs`)
    for (let block = 0; block < decoder.blocks; block++) decoder.baseWeights(block)
    if (how === 'open' || (fixed.window ?? 0) > LONGEST_WINDOW) return
    const window = decoder.windowOf(WINDOWS.ids, WINDOWS.length)
    await perplexity(decoder, fixed.window === undefined ? WINDOWS : window)
    if (how === 'compare') await compare(decoder)
    else await change(decoder, window)
  } finally {
    await decoder.close()
  }
}

/** The work of shrink and recover, and the writing of prune. */
async function change(decoder: Decoder, windows: Windows): Promise<void> {
  const out = `${decoder.directory.dir}-out`
  try {
    writeModel(decoder, (block) => decoder.baseWeights(block).map((weight) => weight.fill(0)), out)
    await new LossGradients(decoder).run({ windows, perBatch: 1, of: 'all', onPart: () => undefined })
    const followed = await followBlocks(decoder)
    const structures = followed.map((block) => block.structures)
    const blocks = [0, decoder.blocks] as const
    const chosen = {
      importance: 'random',
      seed: 0,
      reduction: 'sum',
      blocks,
      windows,
      perBatch: 1,
      ppm: 500_000,
      steps: 1,
    } as const
    const removals = await chooseRemoval(decoder, structures, chosen)
    const removed = new Map(removals.map((removal) => [removal.block, removal.removed]))
    const sliced = sliceStructures(
      decoder,
      followed,
      followed.map((_, block) => removed.get(block)),
    )
    rmSync(out, { recursive: true, force: true })
    writeSliced(decoder, sliced, removals, out)
    const { expected, ...run } = await expectedSliced(decoder, sliced, removals, { dir: out, ids: windows.ids })
    assertSame(expected, await plainLogits(run))
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

/** Largest difference over the largest logit; what optimisations of a whole graph and of its parts round otherwise. */
const TOLERANCE = 1e-3

async function compare(decoder: Decoder): Promise<void> {
  const found = await plainLogits(plainAttempt(decoder))
  if (found === null) return
  const { ids, count, length } = decoder.windowOf(new Int32Array(8), 8)
  const stream = await Stream.start(decoder, { ids, count, length })
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
  assertSame(await stream.logits(0), found)
}

function assertSame(expected: Float32Array, found: Float32Array | null): void {
  if (found === null) return
  if (found.length !== expected.length)
    throw new Error(`${expected.length} logits, and ${found.length} of ONNX Runtime`)
  const largest = found.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (const [i, value] of found.entries()) {
    const same = Object.is(value, expected[i]) || Math.abs(value - expected[i]) <= TOLERANCE * largest
    if (!same) throw new Error(`logit ${i} is ${expected[i]}, and ${value} of ONNX Runtime`)
  }
}

/** null: it refuses, as a command that makes something of the model would. */
async function plainLogits({ model, feeds, output }: Omit<PlainAttempt, 'threads'>): Promise<Float32Array | null> {
  try {
    const session = await ort.InferenceSession.create(model, { logSeverityLevel: 4, intraOpNumThreads: 1 })
    const wanted = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))
    const results = await session.run(Object.fromEntries(wanted.map(([name, tensor]) => [name, tensorOf(tensor)])), [
      output,
    ])
    await session.release()
    return results[output].data as Float32Array
  } catch {
    return null
  }
}

function tensorOf({ type, data, dims }: PlainTensor): ort.Tensor {
  return new ort.Tensor(type as 'float32', data as Float32Array, dims)
}
