/**
 * Writes a model without some blocks as a directory of the same form as its base, and gives the logits that it must
 * compute.
 */
import { join } from 'node:path'
import type { Decoder } from '../../model/forward/decoder.ts'
import { Stream } from '../../model/forward/stream.ts'
import { readJson } from '../../model/graph/directory.ts'
import { CHECK_TOKENS, type ExpectedRun, writtenPath } from '../../model/write/write.ts'
import type { CompanionOptions } from '../../model/write/write-companions.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { holdsFile, plainWindow, writeSmaller } from './write.ts'

/** Keys of config.json that hold the number of blocks. */
const COUNTS = ['num_hidden_layers', 'n_layer', 'num_layers', 'n_layers']
/** Keys of config.json with an entry for each block. */
const BY_BLOCK = ['layer_types', 'attention_layers', 'no_rope_layers', 'mlp_layer_types']
/** The file in which ONNX Runtime GenAI reads the number of blocks. */
const GENAI_CONFIG = 'genai_config.json'

/** @param dropped - the removed blocks, ascending */
export function writeShallow(
  decoder: Decoder,
  shallow: OnnxModel,
  dropped: readonly number[],
  out: string,
  beside: CompanionOptions = {},
): void {
  const { dir, config } = decoder.directory
  const left = decoder.blocks - dropped.length
  const changed: Record<string, Record<string, unknown>> = {
    'config.json': shallowConfig(config, decoder.blocks, dropped),
  }
  if (holdsFile(dir, GENAI_CONFIG)) changed[GENAI_CONFIG] = shallowGenai(readJson(join(dir, GENAI_CONFIG)), left)
  writeSmaller(decoder, shallow, out, { ...beside, changed })
}

/** The content of config.json for a model of `blocks` blocks without those dropped. */
export function shallowConfig(
  base: Readonly<Record<string, unknown>>,
  blocks: number,
  dropped: readonly number[],
): Record<string, unknown> {
  const config = { ...base }
  for (const key of COUNTS) if (typeof config[key] === 'number') config[key] = blocks - dropped.length
  for (const key of BY_BLOCK) {
    const entries = config[key]
    if (Array.isArray(entries) && entries.length === blocks)
      config[key] = entries.filter((_, block) => !dropped.includes(block))
  }
  return config
}

function shallowGenai(base: Readonly<Record<string, unknown>>, left: number): Record<string, unknown> {
  const model = base.model as { decoder?: object } | undefined
  return { ...base, model: { ...model, decoder: { ...model?.decoder, num_hidden_layers: left } } }
}

/**
 * The run that the written model must reproduce: the engine's logits on one window, with the dropped blocks left out.
 */
export async function expectedShallow(
  decoder: Decoder,
  shallow: OnnxModel,
  dropped: readonly number[],
  { dir, ids }: { dir: string; ids: Int32Array },
): Promise<ExpectedRun> {
  const windows = decoder.windowOf(ids, CHECK_TOKENS)
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) {
    if (dropped.includes(block)) await stream.skip(block)
    else await stream.pass(block, undefined)
  }
  const expected = await stream.logits(0)
  return { ...plainWindow(decoder, shallow, windows.ids), model: writtenPath(dir), expected }
}
