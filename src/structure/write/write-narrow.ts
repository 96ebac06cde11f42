/** Writes a model of fewer hidden channels as a directory of the same form as its base. */
import { join } from 'node:path'
import type { Decoder } from '../../model/forward/decoder.ts'
import { headSize, readJson } from '../../model/graph/directory.ts'
import type { CompanionOptions } from '../../model/write/write-companions.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import type { Width } from '../choose/width.ts'
import { holdsFile, writeSmaller } from './write.ts'

type Json = Record<string, unknown>

/** Keys that hold the width, or another size that is equal to it. */
const WIDTHS = ['hidden_size', 'n_embd', 'n_embed', 'd_model', 'word_embed_proj_dim']
/** Keys that hold the number of channels of a feed-forward part; null means four times the width. */
const FEED_FORWARD = ['n_inner', 'intermediate_size']
const WIDTHS_OF_NULL = 4

/** @param left - number of channels that are left */
export function writeNarrow(
  decoder: Decoder,
  narrow: OnnxModel,
  { channels }: Width,
  left: number,
  out: string,
  beside: CompanionOptions = {},
): void {
  const { dir, config } = decoder.directory
  const changed: Record<string, Json> = { 'config.json': narrowConfig(config, channels, left) }
  if (holdsFile(dir, GENAI)) changed[GENAI] = narrowGenai(readJson(join(dir, GENAI)), channels, left)
  writeSmaller(decoder, narrow, out, { ...beside, changed })
}

const GENAI = 'genai_config.json'

/**
 * The content of config.json. Sizes that followed from the width and do not change with it are written out: the size of
 * a head and of feed-forward parts.
 */
export function narrowConfig(base: Json, width: number, left: number): Json {
  const config = narrowed(base, width, left)
  const size = headSize(base)
  for (const key of FEED_FORWARD) if (base[key] === null) config[key] = WIDTHS_OF_NULL * width
  return size === undefined ? config : { ...config, head_dim: size }
}

function narrowGenai(base: Json, width: number, left: number): Json {
  const model = base.model as Json | undefined
  const decoder = model?.decoder as Json | undefined
  return decoder === undefined ? base : { ...base, model: { ...model, decoder: narrowed(decoder, width, left) } }
}

function narrowed(config: Json, width: number, left: number): Json {
  const changed = WIDTHS.filter((key) => config[key] === width).map((key) => [key, left])
  return { ...config, ...Object.fromEntries(changed) }
}
