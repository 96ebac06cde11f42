/**
 * The cost of one step of recovery: forward, backward and AdamW of a batch, adapters of rank 8 on all layers. Prints it
 * as a multiple of one plain forward pass of the same batch; with --reference also beside the PyTorch program
 * `reference`, in turn, on the same model but for two channels a block, which that cannot leave in place.
 *
 *   npm run bench -- recover [--model DIR] [--text FILE] [--batch 8] [--length 128] [--steps 6]
 *                            [--reference PYTHON --root DIR]
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../../src/base/quantile.ts'
import type { Windows } from '../../src/form/windows.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { someWindows } from '../../src/model/text/text.ts'
import { Adaptation } from '../../src/recover/adaptation.ts'
import { startState, train } from '../../src/recover/train.ts'
import { list, namedReference, type Reference, reference } from './support/reference.ts'
import { benchWindows, forwardSeconds } from './support/windows.ts'

const THREADS = 2
const ADAPTERS = { rank: 8, alpha: 16, rate: 1e-4, seed: 0 }
/** Turns of the two programs. */
const TURNS = 3
/** The reference prunes before it recovers: the least that it can, two channels a block of 1,536. */
const LEAST_RATIO = '0.001'

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      text: { type: 'string' },
      batch: { type: 'string', default: '8' },
      length: { type: 'string', default: '128' },
      steps: { type: 'string', default: '6' },
      reference: { type: 'string' },
      root: { type: 'string' },
    },
  })
  const [batch, length, steps] = [values.batch, values.length, values.steps].map(Number)
  const program = namedReference(values)
  const decoder = Decoder.open(values.model, { threads: THREADS })
  const windows = await benchWindows(decoder, values.text, batch * steps, length)
  console.log(`${decoder.name}, ${steps} steps of ${batch} rows of ${length}, ${THREADS} threads`)
  const one = someWindows(windows, 0, batch)
  await stepSeconds(decoder, windows, { batch, steps: 1 }) // sessions made, files in the page cache
  const forward = await forwardSeconds(decoder, one)
  const ours = await stepSeconds(decoder, windows, { batch, steps })
  const again = (forward + (await forwardSeconds(decoder, one))) / 2
  console.log(
    `  a step ${ours.toFixed(2)} s, ${(ours / again).toFixed(1)} x one plain forward pass (${again.toFixed(2)} s)`,
  )
  if (program !== undefined) {
    const turns: [our: number, their: number][] = []
    const theirs = { model: resolve(values.model), blocks: decoder.blocks, steps, length }
    for (let turn = 0; turn < TURNS; turn++) {
      const our = await stepSeconds(decoder, windows, { batch, steps })
      turns.push([our, await referenceSeconds(program, theirs)])
    }
    const [our, their] = [turns.map(([first]) => first), turns.map(([, second]) => second)]
    const ratio = (median(our) / median(their)).toFixed(2)
    console.log(`  in turn with PyTorch, a step: ${list(our)} s; PyTorch ${list(their)} s; ratio of medians ${ratio}`)
  }
  await decoder.close()
}

/** Mean of the steps, without the looks at rows kept out. */
async function stepSeconds(
  decoder: Decoder,
  rows: Windows,
  { batch, steps }: { batch: number; steps: number },
): Promise<number> {
  const settings = { ...ADAPTERS, steps, batch }
  let [began, seconds] = [0, 0]
  const state = startState(decoder, settings)
  await train(decoder, new Adaptation(decoder, settings), state, {
    ...{ settings, rows, held: someWindows(rows, 0, 1) },
    onLook() {
      began = performance.now()
    },
    onStep() {
      seconds = (performance.now() - began) / 1e3
    },
  })
  return seconds / steps
}

/** The seconds of a recovery step that the PyTorch program reports. */
async function referenceSeconds(
  program: Reference,
  { model, blocks, steps, length }: { model: string; blocks: number; steps: number; length: number },
): Promise<number> {
  const { file } = program
  const prune = ['llm-pruner', '--model', model, '--text', file, '--ratio', LEAST_RATIO, '--layers', `0:${blocks}`]
  const train = ['--lora-text', file, '--lora-steps', String(steps), '--lora-length', String(length)]
  const least = ['--eval', file, '--max-tokens', String(length), '--threads', String(THREADS)]
  const report = (await reference(program, ...prune, ...train, ...least)) as { seconds: { recovery: number } }
  return report.seconds.recovery / steps
}
