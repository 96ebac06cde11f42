/** Writes a pruned model as a directory of the same form as its base, and says what it must compute. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { InputError } from '../errors.ts'
import { narrow } from '../onnx/half.ts'
import { DATA_TYPE, type TensorRef } from '../onnx/tensor.ts'
import { compareOnnx, type Replacement, writeOnnx } from '../onnx/write.ts'
import type { Decoder, LayerInfo } from './decoder.ts'
import { companionFiles } from './directory.ts'
import type { WeightsOf } from './perplexity.ts'
import { type PlainAttempt, type PlainRun, plainTensor } from './plain.ts'
import { Stream, type Windows } from './stream.ts'

/** Tokens of the window on which a written model is compared with the engine. */
export const CHECK_TOKENS = 64

/**
 * Writes `decoder`'s model to `out` with the layers of each block that `weightsOf` gives; blocks without stay as they
 * are. Every other byte of weights is the base's; the element types too. The base's licence files come along.
 */
export function writeModel(decoder: Decoder, weightsOf: WeightsOf, out: string): void {
  const path = writtenPath(decoder, out)
  mkdirSync(dirname(path), { recursive: true })
  writeOnnx(decoder.model, path, externalFile(decoder), replacement(decoder, weightsOf))
  const { dir } = decoder.directory
  for (const name of companionFiles(dir)) copyFileSync(join(dir, name), join(out, name))
}

/** Compares a written directory with what writeModel would write: null, or what differs. */
export function compareWritten(decoder: Decoder, weightsOf: WeightsOf, written: string): string | null {
  const { dir } = decoder.directory
  const path = writtenPath(decoder, written)
  const weights = externalFile(decoder)
  const expected = new Set([...companionFiles(dir), basename(path), ...(weights === null ? [] : [weights])])
  for (const name of [...expected]) {
    const at = existsSync(join(written, name)) ? join(written, name) : join(dirname(path), name)
    if (!existsSync(at)) return `${at} is missing`
  }
  for (const name of companionFiles(dir)) {
    if (!readFileSync(join(dir, name)).equals(readFileSync(join(written, name))))
      return `${join(written, name)} differs from the base model's`
  }
  for (const name of readdirSync(written)) {
    if (!expected.has(name) && name !== basename(dirname(path)))
      return `${join(written, name)} does not belong to the model`
  }
  return compareOnnx(decoder.model, path, weights, replacement(decoder, weightsOf))
}

/** Where a model of the same form has its graph. */
export function writtenPath(decoder: Decoder, out: string): string {
  return join(out, relative(decoder.directory.dir, decoder.directory.onnx))
}

/** Weights lie in one file beside the graph where the base has them outside. */
export function externalFile({ model }: Decoder): string | null {
  return model.externalFiles.length > 0 ? basename(model.externalFiles[0]) : null
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

/** Files name the layers of a block one after the other: the last block asked for is kept. */
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

/** What the engine computes with the weights that were written to `dir`, on one window. */
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
  return { ...plainRun(decoder, windows), model: writtenPath(decoder, dir), expected }
}

/** Tokens on which a base model is tried: some operators look at their shapes when they run, whatever the length. */
const ATTEMPT_TOKENS = 8

/** A plain run of a decoder's own file on a few tokens of number 0, which every vocabulary has. */
export function plainAttempt(decoder: Decoder): Omit<PlainAttempt, 'threads'> {
  return plainRun(decoder, decoder.windowOf(new Int32Array(ATTEMPT_TOKENS), ATTEMPT_TOKENS))
}

function plainRun(decoder: Decoder, { ids, length }: Windows): Omit<PlainAttempt, 'threads'> {
  const values = decoder.plainInputs(BigInt64Array.from(ids, BigInt), 1, length)
  const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
  return { model: decoder.directory.onnx, feeds, output: decoder.cut.head.leaves }
}
