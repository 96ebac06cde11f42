/** Writes a sliced model as a directory of the same form as its base. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Decoder } from '../model/decoder.ts'
import { companionFiles, readJson } from '../model/directory.ts'
import { graphInputs } from '../model/inputs.ts'
import { type PlainRace, plainTensor } from '../model/plain.ts'
import { Stream } from '../model/stream.ts'
import { CHECK_TOKENS, type ExpectedRun, externalFile, writtenPath } from '../model/write.ts'
import type { OnnxModel } from '../onnx/read.ts'
import { writeOnnx } from '../onnx/write.ts'
import type { GroupQueries } from './follow.ts'
import type { Removal } from './removal.ts'
import { type CountsLeft, countsLeft, slicedConfig, slicedGenaiConfig } from './sliced-config.ts'
import { zeroedWeights } from './zeroed.ts'

/** Configuration that changes, and how. */
const CONFIGS: Readonly<Record<string, (base: Record<string, unknown>, left: CountsLeft) => Record<string, unknown>>> =
  {
    'config.json': slicedConfig,
    'genai_config.json': slicedGenaiConfig,
  }

export function writeSliced(decoder: Decoder, sliced: OnnxModel, removals: readonly Removal[], out: string): void {
  const path = writtenPath(decoder, out)
  mkdirSync(dirname(path), { recursive: true })
  writeOnnx(sliced, path, externalFile(decoder))
  const { dir } = decoder.directory
  const left = countsLeft(removals, decoder.blocks)
  for (const name of companionFiles(dir)) {
    if (Object.hasOwn(CONFIGS, name))
      writeFileSync(join(out, name), `${JSON.stringify(CONFIGS[name](readJson(join(dir, name)), left), null, 2)}\n`)
    else copyFileSync(join(dir, name), join(out, name))
  }
}

/** What somebody who uses the written directory should know. */
export function notesOf(decoder: Decoder, removals: readonly Removal[], groupQueries: GroupQueries): string[] {
  const { heads } = countsLeft(removals, decoder.blocks)
  const genai = companionFiles(decoder.directory.dir).includes('genai_config.json')
  const grouped = removals.some(({ removed }) => removed.some(({ structure }) => structure.kind === 'queries'))
  return [
    ...(heads === undefined && genai ? [GENAI_NOTE] : []),
    ...(groupQueries === 'query' && !grouped ? [UNGROUPED_NOTE] : []),
  ]
}

const GENAI_NOTE =
  'genai_config.json has one number of heads for all blocks, which differ now: ONNX Runtime GenAI cannot run this model.'
const UNGROUPED_NOTE =
  'No queries share keys and values in this model: heads went whole, with --group-queries query as with kv.'

/** What the engine computes on one window with zeros in place of what is removed. */
export async function expectedSliced(
  decoder: Decoder,
  sliced: OnnxModel,
  removals: readonly Removal[],
  { dir, ids }: { dir: string; ids: Int32Array },
): Promise<ExpectedRun> {
  const length = Math.min(ids.length, CHECK_TOKENS)
  const windows = { ids: ids.slice(0, length), count: 1, length }
  const stream = await Stream.start(decoder, windows)
  const removedOf = new Map(removals.map(({ block, removed }) => [block, removed]))
  for (let block = 0; block < decoder.blocks; block++) {
    const removed = removedOf.get(block)
    await stream.pass(block, removed && zeroedWeights(decoder, block, removed))
  }
  const expected = await stream.logits(0)
  return { ...plainWindow(decoder, sliced, windows.ids), model: writtenPath(decoder, dir), expected }
}

/** How a plain run of the base and of the sliced model on one window is asked for. */
export function prefills(
  decoder: Decoder,
  sliced: OnnxModel,
  { dir, ids }: { dir: string; ids: Int32Array },
): PlainRace['models'] {
  return [
    { ...plainWindow(decoder, decoder.model, ids), model: decoder.directory.onnx },
    { ...plainWindow(decoder, sliced, ids), model: writtenPath(decoder, dir) },
  ]
}

function plainWindow(decoder: Decoder, model: OnnxModel, ids: Int32Array): Pick<ExpectedRun, 'feeds' | 'output'> {
  const inputs = { ids: BigInt64Array.from(ids, BigInt), batch: 1, window: ids.length }
  const values = graphInputs(model, decoder.directory.config, inputs)
  const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
  return { feeds, output: decoder.cut.head.leaves }
}
