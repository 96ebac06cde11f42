/**
 * Writes a pruned model as a directory that other tools load without an option, and gives the logits that it must
 * compute.
 */
import { mkdirSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { statOf } from '../../files/linked-file.ts'
import type { WeightsOf } from '../../form/block-weights.ts'
import { narrow } from '../../form/fp16.ts'
import type { Windows } from '../../form/windows.ts'
import { externalPath } from '../../onnx/external-data.ts'
import { readOnnx } from '../../onnx/read.ts'
import { DATA_TYPE, type TensorRef } from '../../onnx/tensor.ts'
import { compareOnnx, type Replacement, writeOnnx } from '../../onnx/write.ts'
import { type PlainAttempt, type PlainRun, plainTensor } from '../../runtime/reference-run.ts'
import type { Decoder, LayerInfo } from '../forward/decoder.ts'
import { Stream } from '../forward/stream.ts'
import { graphIn } from '../graph/directory.ts'
import { type CompanionOptions, compareCompanions, writeCompanions } from './write-companions.ts'
import { GRAPH_NAME, WEIGHTS_NAME } from './written-config.ts'

/** The number of tokens in the window on which a written model is compared with the engine. */
export const CHECK_TOKENS = 64

/**
 * Writes `decoder`'s model to `out`, with the layers of each block that `weightsOf` gives; other blocks stay as they
 * are. Every other byte of weights is the base's, and so are the element types. The base's other files are copied: see
 * companionsOf.
 * @throws {InputError} WEIGHTS_FP16_RANGE, and as companionsOf does
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export function writeModel(decoder: Decoder, weightsOf: WeightsOf, out: string, beside: CompanionOptions = {}): void {
  const path = writtenPath(out)
  mkdirSync(dirname(path), { recursive: true })
  writeOnnx(decoder.model, path, externalFile(decoder), replacement(decoder, weightsOf))
  writeCompanions(decoder, out, decoder.model, beside)
}

export interface ComparedModel {
  /** The first difference of graph, weights or tokenizer, in words; null if there is none. */
  difference: string | null
  /** See ComparedCompanions. */
  notes: string[]
}

/**
 * Compares a written directory with the one that writeModel would write. The places and names of graph and weights in
 * it do not count: a base of the same hash may have another layout.
 */
export function compareWritten(decoder: Decoder, weightsOf: WeightsOf, written: string): ComparedModel {
  const found = writtenFiles(decoder, written)
  if (typeof found === 'string') return { difference: found, notes: [] }
  const { path, weights, files } = found
  const difference = compareOnnx(decoder.model, path, weights, replacement(decoder, weightsOf))
  if (difference !== null) return { difference, notes: [] }
  const directory = { ...decoder.directory, dir: written }
  return compareCompanions(decoder, { directory, files }, relative(written, path).replaceAll(sep, '/'))
}

/** Graph and weights of a written directory, or the reason why they cannot be those of this model. */
function writtenFiles(
  { model }: Decoder,
  written: string,
): string | { path: string; weights: string | null; files: string[] } {
  try {
    const path = graphIn(written)
    const { externalFiles: names } = readOnnx(path)
    if (names.length !== Math.min(1, model.externalFiles.length))
      return `${path} names ${names.length} files of weights beside it`
    const files = [path, ...names.map((name) => externalPath(path, name))]
    const absent = files.find((file) => !statOf(file)?.isFile())
    return absent === undefined ? { path, weights: names[0] ?? null, files } : `${absent} is missing`
  } catch (error) {
    if (error instanceof InputError) return error.message
    throw error
  }
}

/** The path of the graph in `out`. */
export function writtenPath(out: string): string {
  return join(out, GRAPH_NAME)
}

/** The name of the file of weights beside the graph; null if the base has its weights inside. */
export function externalFile({ model }: Decoder): string | null {
  return model.externalFiles.length === 0 ? null : WEIGHTS_NAME
}

function replacement(decoder: Decoder, weightsOf: WeightsOf): Replacement {
  const place = new Map<TensorRef, { block: number; role: number }>()
  for (const [block, { layers }] of decoder.cut.blocks.entries()) {
    for (const [role, layer] of layers.entries())
      for (const tensor of decoder.storedTensors.get(layer) ?? []) place.set(tensor, { block, role })
  }
  const cached = new BlockCache(weightsOf)
  return (tensor) => {
    const at = place.get(tensor)
    const weights = at && cached.get(at.block)
    if (at === undefined || weights === undefined) return undefined
    const stored = decoder.storedLayout(decoder.cut.blocks[at.block].layers[at.role], weights[at.role])
    return elementsOf(tensor, stored, () => decoder.layers.find((layer) => isAt(layer, at))?.name ?? tensor.name)
  }
}

function isAt(layer: LayerInfo, { block, role }: { block: number; role: number }): boolean {
  return layer.block === block && layer.role === role
}

/**
 * Weights as bytes of the tensor's element type: fp16 is rounded to nearest, ties to even.
 * @throws {InputError} WEIGHTS_FP16_RANGE
 */
function elementsOf({ dataType }: TensorRef, weights: Float32Array, layer: () => string): Uint8Array {
  if (dataType !== DATA_TYPE.float16) return new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength)
  const { bits, beyond } = narrow(weights)
  if (beyond === -1) return new Uint8Array(bits.buffer)
  throw new InputError({
    code: 'WEIGHTS_FP16_RANGE',
    what: `layer ${layer()}: the pruned weight ${weights[beyond]} is beyond what the model's fp16 holds (65504)`,
    hint: 'Prune the float32 export of this model, or use --pruner wanda or magnitude, which change no weight.',
  })
}

/** Keeps the weights of the last block asked for: files name the layers of a block one after the other. */
class BlockCache {
  private readonly weightsOf: WeightsOf
  private block = -1
  private weights: ReturnType<WeightsOf>

  constructor(weightsOf: WeightsOf) {
    this.weightsOf = weightsOf
  }

  get(block: number): ReturnType<WeightsOf> {
    if (block !== this.block) this.weights = this.weightsOf(block)
    this.block = block
    return this.weights
  }
}

/** A plain run of a written model, and the logits that it must give. */
export type ExpectedRun = Omit<PlainRun, 'threads'>

/** The run that a written model in `dir` must reproduce: the engine's logits with its weights, on one window. */
export async function expectedRun(
  decoder: Decoder,
  weightsOf: WeightsOf,
  dir: string,
  ids: Int32Array,
): Promise<ExpectedRun> {
  const windows = decoder.windowOf(ids, CHECK_TOKENS)
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, weightsOf(block))
  const expected = await stream.logits(0)
  return { ...plainRun(decoder, windows), model: writtenPath(dir), expected }
}

/**
 * The number of tokens on which a base model is tried. Some operators look at their shapes when they run, whatever the
 * length.
 */
const ATTEMPT_TOKENS = 8

/** A plain run of a decoder's own file on a few tokens. Their id is 0, which every vocabulary has. */
export function plainAttempt(decoder: Decoder): Omit<PlainAttempt, 'threads'> {
  return plainRun(decoder, decoder.windowOf(new Int32Array(ATTEMPT_TOKENS), ATTEMPT_TOKENS))
}

function plainRun(decoder: Decoder, { ids, length }: Windows): Omit<PlainAttempt, 'threads'> {
  const values = decoder.plainInputs(BigInt64Array.from(ids, BigInt), 1, length)
  const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
  return { model: decoder.directory.onnx, feeds, output: decoder.cut.head.leaves }
}
