/** Writes a sliced model as a directory of the same form as its base. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Decoder } from '../model/decoder.ts'
import { companionFiles, headSize } from '../model/directory.ts'
import { graphInputs } from '../model/inputs.ts'
import { type PlainRace, plainTensor } from '../model/plain.ts'
import { Stream } from '../model/stream.ts'
import { CHECK_TOKENS, type ExpectedRun, externalFile, writtenPath } from '../model/write.ts'
import type { OnnxModel } from '../onnx/read.ts'
import { writeOnnx } from '../onnx/write.ts'
import type { Removal } from './removal.ts'
import { zeroedWeights } from './zeroed.ts'

/** Keys of config.json that say how many there are in every block, by what is counted. */
const COUNTS = {
  kvHeads: ['num_key_value_heads', 'num_kv_heads'],
  heads: ['num_attention_heads', 'n_head', 'num_heads', 'n_heads'],
  channels: ['intermediate_size', 'ffn_dim', 'n_inner', 'ffn_hidden_size'],
} as const

export function writeSliced(decoder: Decoder, sliced: OnnxModel, removals: readonly Removal[], out: string): void {
  writeSmaller(decoder, sliced, { 'config.json': slicedConfig(decoder, removals) }, out)
}

/** @param changed - by name, what stands in files of the directory instead of what the base has */
export function writeSmaller(
  decoder: Decoder,
  model: OnnxModel,
  changed: Readonly<Record<string, object>>,
  out: string,
): void {
  const path = writtenPath(decoder, out)
  mkdirSync(dirname(path), { recursive: true })
  writeOnnx(model, path, externalFile(decoder))
  const { dir } = decoder.directory
  for (const name of companionFiles(dir)) {
    if (changed[name] === undefined) copyFileSync(join(dir, name), join(out, name))
    else writeFileSync(join(out, name), `${JSON.stringify(changed[name], null, 2)}\n`)
  }
}

/**
 * The head size no longer follows from the others, so it is said. Numbers of heads and channels are one for all blocks:
 * they change where all blocks have the same left, and stay the base's elsewhere; the graph is what counts.
 */
function slicedConfig(decoder: Decoder, removals: readonly Removal[]): Record<string, unknown> {
  const config = { ...decoder.directory.config }
  const size = headSize(config)
  if (size !== undefined) config.head_dim = size
  for (const kind of ['heads', 'channels'] as const) {
    const left = new Set(removals.map(({ removed }) => shareLeft(removed, kind)))
    const [share] = left
    if (left.size !== 1 || removals.length !== decoder.blocks || share === 1) continue
    const keys = kind === 'heads' ? [...COUNTS.kvHeads, ...COUNTS.heads] : COUNTS.channels
    for (const key of keys) if (typeof config[key] === 'number') config[key] = Math.round(config[key] * share)
  }
  return config
}

function shareLeft(removed: Removal['removed'], kind: 'heads' | 'channels'): number {
  const own = removed.find(({ structure }) => structure.kind === kind)
  return own === undefined ? 1 : 1 - own.units.length / own.structure.units
}

/** What the engine computes on one window with zeros in place of what is removed, and with what stands in for it. */
export async function expectedSliced(
  decoder: Decoder,
  sliced: OnnxModel,
  removals: readonly Removal[],
  { dir, ids }: { dir: string; ids: Int32Array },
): Promise<ExpectedRun> {
  const length = Math.min(ids.length, CHECK_TOKENS)
  const windows = { ids: ids.slice(0, length), count: 1, length }
  const stream = await Stream.start(decoder, windows)
  const removalOf = new Map(removals.map((removal) => [removal.block, removal]))
  for (let block = 0; block < decoder.blocks; block++) {
    const removal = removalOf.get(block)
    const weights = removal && zeroedWeights(decoder, block, removal.removed)
    await stream.pass(block, weights, undefined, removal?.shifts)
  }
  const expected = await stream.logits(0)
  return { ...plainWindow(decoder, sliced, windows.ids), model: writtenPath(decoder, dir), expected }
}

/** How a plain run of the base and of the smaller model on one window is asked for. */
export function prefills(
  decoder: Decoder,
  smaller: OnnxModel,
  { dir, ids }: { dir: string; ids: Int32Array },
): PlainRace['models'] {
  return [
    { ...plainWindow(decoder, decoder.model, ids), model: decoder.directory.onnx },
    { ...plainWindow(decoder, smaller, ids), model: writtenPath(decoder, dir) },
  ]
}

export function plainWindow(
  decoder: Decoder,
  model: OnnxModel,
  ids: Int32Array,
): Pick<ExpectedRun, 'feeds' | 'output'> {
  const inputs = { ids: BigInt64Array.from(ids, BigInt), batch: 1, window: ids.length }
  const values = graphInputs(model, decoder.directory.config, inputs)
  const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
  return { feeds, output: decoder.cut.head.leaves }
}
