/** Writes a sliced model as a directory of the same form as its base. */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { statOf } from '../../files/linked-file.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { Stream } from '../../model/forward/stream.ts'
import { readJson } from '../../model/graph/directory.ts'
import { graphInputs, takesPast } from '../../model/graph/inputs.ts'
import { CHECK_TOKENS, type ExpectedRun, externalFile, writtenPath } from '../../model/write/write.ts'
import { type CompanionOptions, writeCompanions } from '../../model/write/write-companions.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { writeOnnx } from '../../onnx/write.ts'
import { type PlainRace, plainTensor } from '../../runtime/reference-run.ts'
import type { Removal } from '../find/removal.ts'
import type { GroupQueries } from '../find/walk.ts'
import { zeroedWeights } from '../find/zero-readers.ts'
import { type CountsLeft, countsLeft, slicedConfig, slicedGenaiConfig } from './sliced-config.ts'

/** The configuration files that change, and the functions that change them. */
const CONFIGS: Readonly<Record<string, (base: Record<string, unknown>, left: CountsLeft) => Record<string, unknown>>> =
  {
    'config.json': slicedConfig,
    'genai_config.json': slicedGenaiConfig,
  }

/**
 * Writes a sliced model to `out`, with a configuration that fits the removals.
 * @throws {InputError} as companionsOf does
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export function writeSliced(
  decoder: Decoder,
  sliced: OnnxModel,
  removals: readonly Removal[],
  out: string,
  beside: CompanionOptions = {},
): void {
  const { dir } = decoder.directory
  const left = countsLeft(removals, decoder.blocks)
  const known = Object.keys(CONFIGS).filter((name) => holdsFile(dir, name))
  const changed = known.map((name) => [name, CONFIGS[name](readJson(join(dir, name)), left)])
  writeSmaller(decoder, sliced, out, { ...beside, changed: Object.fromEntries(changed) })
}

/** Writes a model whose graph is smaller, and its companions; throws as writeSliced does. */
export function writeSmaller(decoder: Decoder, model: OnnxModel, out: string, beside: CompanionOptions): void {
  const path = writtenPath(out)
  mkdirSync(dirname(path), { recursive: true })
  writeOnnx(model, path, externalFile(decoder))
  writeCompanions(decoder, out, model, beside)
}

/** Whether a model's directory has a configuration file of this name. */
export function holdsFile(dir: string, name: string): boolean {
  return statOf(join(dir, name))?.isFile() === true
}

/** Notes for a user of the written directory, one sentence or two each. */
export function notesOf(decoder: Decoder, removals: readonly Removal[], groupQueries: GroupQueries): string[] {
  const { heads } = countsLeft(removals, decoder.blocks)
  const genai = holdsFile(decoder.directory.dir, 'genai_config.json')
  const grouped = removals.some(({ removed }) => removed.some(({ structure }) => structure.kind === 'queries'))
  return [
    ...(heads === undefined && genai ? [GENAI_NOTE] : []),
    ...(groupQueries === 'query' && !grouped ? [UNGROUPED_NOTE] : []),
  ]
}

const GENAI_NOTE =
  'genai_config.json has one number of heads for all blocks, which differ now: ONNX Runtime GenAI cannot run this model.'
const UNGROUPED_NOTE =
  'No queries share keys and values in this model, so whole heads were removed: --group-queries query gives the same as kv.'

/**
 * The run that the written model must reproduce: the engine's logits on one window, with zeros in place of removed
 * units, and with the means that replace them.
 */
export async function expectedSliced(
  decoder: Decoder,
  sliced: OnnxModel,
  removals: readonly Removal[],
  { dir, ids }: { dir: string; ids: Int32Array },
): Promise<ExpectedRun> {
  const windows = decoder.windowOf(ids, CHECK_TOKENS)
  const stream = await Stream.start(decoder, windows)
  const removalOf = new Map(removals.map((removal) => [removal.block, removal]))
  for (let block = 0; block < decoder.blocks; block++) {
    const removal = removalOf.get(block)
    const weights = removal && zeroedWeights(decoder, block, removal.removed)
    await stream.pass(block, weights, undefined, removal?.shifts)
  }
  const expected = await stream.logits(0)
  return { ...plainWindow(decoder, sliced, windows.ids), model: writtenPath(dir), expected }
}

/**
 * Plain runs of the base and of the smaller model on one window. If the base takes keys and values of earlier
 * positions, a second run has only the last token, with as many positions before it.
 */
export function raceOf(
  decoder: Decoder,
  smaller: OnnxModel,
  { dir, ids: check }: { dir: string; ids: Int32Array },
): PlainRace['models'] {
  const { ids } = decoder.windowOf(check, check.length)
  const lengths = takesPast(decoder.model) ? [ids.length, 1] : [ids.length]
  const runs = (model: OnnxModel) => ({
    feeds: lengths.map((window) => plainFeeds(decoder, model, ids.subarray(ids.length - window), ids.length - window)),
    output: decoder.cut.head.leaves,
  })
  return [
    { ...runs(decoder.model), model: decoder.directory.onnx },
    { ...runs(smaller), model: writtenPath(dir) },
  ]
}

/** The inputs and the output of a plain run of a model on one window without a past. */
export function plainWindow(
  decoder: Decoder,
  model: OnnxModel,
  ids: Int32Array,
): Pick<ExpectedRun, 'feeds' | 'output'> {
  return { feeds: plainFeeds(decoder, model, ids, 0), output: decoder.cut.head.leaves }
}

function plainFeeds(decoder: Decoder, model: OnnxModel, ids: Int32Array, past: number): ExpectedRun['feeds'] {
  const inputs = { ids: BigInt64Array.from(ids, BigInt), batch: 1, window: ids.length, past }
  const values = graphInputs(model, decoder.directory.config, inputs)
  return Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
}
