/**
 * The configuration of ONNX Runtime GenAI (genai_config.json) for a written graph. GenAI feeds ids, a mask, positions
 * and the keys and values of earlier positions, under names that this file gives it; a graph that wants anything else
 * cannot be run by it. Source: ONNX Runtime GenAI's documentation of genai_config.json, and its builder of models.
 */
import type { ValueInfoProto } from '../../onnx/generated/onnx_pb.js'
import type { OnnxModel } from '../../onnx/model.ts'
import { configNumber, headSize, keyValueHeads, maxWindow } from '../graph/directory.ts'
import { fixedShape, fixedSizes } from '../graph/fixed-sizes.ts'
import { takesPast } from '../graph/inputs.ts'
import type { Json } from './written-config.ts'

export const GENAI_CONFIG = 'genai_config.json'

/** The inputs that GenAI feeds besides keys and values of earlier positions, under the names that exporters use. */
const FED = ['input_ids', 'attention_mask', 'position_ids']
/** GenAI's name for a decoder of any family, as long as its inputs are these. */
const ANY_FAMILY = 'decoder'
const LOGITS = 'logits'
/**
 * Stands for padding where a model has no token for nothing else. GenAI masks every token of a prompt that is the one
 * for padding, and with the token that ends a text it would mask the ends of the turns of a chat.
 */
const NO_TOKEN = -1

interface GenaiGraph {
  model: OnnxModel
  /** The content of config.json, and of generation_config.json; {} where there is none. */
  config: Json
  generation: Json
  /** Path of the graph, relative to the directory. */
  graph: string
}

/** The reason why a program that keeps keys and values cannot run a graph, the end of a sentence; null: it can. */
export function cacheObstacle({ graph, initializers }: OnnxModel, needs: 'past' | 'sizes'): string | null {
  const pasts = graph.input.filter(({ name }) => name.startsWith('past') && !initializers.has(name))
  if (!pasts.some(({ name }) => isPast(name))) return NO_PAST
  const isOpen = pasts.some(
    (past) => isPast(past.name) && [1, 3].some((axis) => fixedShape(past)?.[axis] === undefined),
  )
  return needs === 'sizes' && isOpen ? OPEN_SIZES : null
}

const NO_PAST = 'the graph takes no keys and values of earlier positions'
const OPEN_SIZES = 'the graph leaves open how many key and value heads there are, or how wide'

/** The content of the file, or the reason why GenAI cannot run the graph: the end of a sentence. */
export function genaiConfigFor(written: GenaiGraph): { content: Json } | { why: string } {
  const why = obstacle(written)
  return why === null ? { content: contentFor(written) } : { why }
}

function obstacle({ model, config, generation }: GenaiGraph): string | null {
  const names = inputsOf(model).map(({ name }) => name)
  const unknown = names.find((name) => !FED.includes(name) && !isPast(name))
  if (unknown !== undefined) return `the graph wants the input ${unknown}, which GenAI does not feed`
  if (!names.includes('input_ids')) return 'the graph has no input input_ids'
  if (fixedSizes(model).window !== undefined) return 'the graph takes windows of one length only'
  if (!takesPast(model)) return NO_PAST
  const past = numbered(inputsOf(model).filter(({ name }) => isPast(name)))
  const present = numbered(model.graph.output.filter(({ name }) => name !== LOGITS))
  if (past === null || present === null || past.blocks !== present.blocks)
    return 'the keys and values of earlier positions have names that do not count the blocks'
  if (past.heads === null) return 'the blocks have different numbers of key and value heads'
  if (!model.graph.output.some(({ name }) => name === LOGITS)) return `the graph has no output ${LOGITS}`
  if ((past.heads ?? keyValueHeads(config)) === undefined || (past.size ?? headSize(config)) === undefined)
    return 'neither graph nor config.json says how many key and value heads there are, and how wide'
  if (maxWindow(config) === undefined) return 'config.json does not say how long a text may be'
  if (vocabulary({ model, config }) === undefined) return 'neither graph nor config.json says how many tokens there are'
  if (endTokens(config, generation) === undefined) return 'config.json names no token that ends a text'
  return null
}

/** Only for a graph without an obstacle. */
function contentFor(written: GenaiGraph): Json {
  const { model, config, generation, graph } = written
  const inputs = inputsOf(model)
  const past = numbered(inputs.filter(({ name }) => isPast(name)))
  const present = numbered(model.graph.output.filter(({ name }) => name !== LOGITS))
  const heads = configNumber(config, 'num_attention_heads', 'n_head', 'num_heads', 'n_heads')
  const hidden = configNumber(config, 'hidden_size', 'n_embd', 'd_model')
  const ends = endTokens(config, generation)
  const begin = generation.bos_token_id ?? config.bos_token_id
  const length = maxWindow(config)
  return {
    model: {
      type: ANY_FAMILY,
      ...(isToken(begin) && { bos_token_id: begin }),
      eos_token_id: ends,
      pad_token_id: padding(config, generation, [begin, ends].flat()),
      context_length: length,
      vocab_size: vocabulary(written),
      decoder: {
        filename: graph,
        head_size: past?.size ?? headSize(config),
        ...(hidden !== undefined && { hidden_size: hidden }),
        ...(heads !== undefined && { num_attention_heads: heads }),
        num_hidden_layers: past?.blocks,
        num_key_value_heads: past?.heads ?? keyValueHeads(config),
        inputs: {
          ...Object.fromEntries(inputs.filter(({ name }) => FED.includes(name)).map(({ name }) => [name, name])),
          past_key_names: past?.key,
          past_value_names: past?.value,
        },
        outputs: { logits: LOGITS, present_key_names: present?.key, present_value_names: present?.value },
      },
    },
    // Each step makes new keys and values: a graph with a buffer of its own for them would have another input.
    search: { max_length: length, past_present_share_buffer: false },
  }
}

function inputsOf({ graph, initializers }: OnnxModel): ValueInfoProto[] {
  return graph.input.filter(({ name }) => !initializers.has(name))
}

function isPast(name: string): boolean {
  return name.startsWith('past') && /\d/.test(name)
}

interface Numbered {
  /** Names of keys and of values, with %d in place of the block. */
  key: string
  value: string
  blocks: number
  /** A size that the graph has fixed for all blocks; undefined: left open; null: not the same in all blocks. */
  heads: number | undefined | null
  size: number | undefined
}

/** Keys and values by block; null if their names do not count the blocks from 0. */
function numbered(values: readonly ValueInfoProto[]): Numbered | null {
  if (values.some(({ name }) => name.includes('%'))) return null
  const byName = Map.groupBy(values, ({ name }) => name.replace(/\d+/, '%d'))
  const [key] = [...byName.keys()].filter((name) => /key/.test(name.replace(/key_values/, '')))
  const [value] = [...byName.keys()].filter((name) => /value/.test(name.replace(/key_values/, '')))
  const blocks = values.length / 2
  if (key === undefined || value === undefined || byName.size !== 2 || !Number.isInteger(blocks)) return null
  const names = new Set(values.map(({ name }) => name))
  for (let block = 0; block < blocks; block++)
    for (const name of [key, value]) if (!names.has(name.replace('%d', String(block)))) return null
  const shapes = values.map(fixedShape)
  const [heads, ...others] = new Set(shapes.map((shape) => shape?.[1]))
  const [size, ...sizes] = new Set(shapes.map((shape) => shape?.[3]))
  return { key, value, blocks, heads: others.length + sizes.length > 0 ? null : heads, size }
}

function vocabulary({ model, config }: Pick<GenaiGraph, 'model' | 'config'>): number | undefined {
  const logits = model.graph.output.find(({ name }) => name === LOGITS)
  return (logits && fixedShape(logits)?.at(-1)) ?? configNumber(config, 'vocab_size', 'n_vocab')
}

/** Tokens that end a text: one or a list; undefined if none is named. */
function endTokens(config: Json, generation: Json): number | number[] | undefined {
  for (const { eos_token_id: ends } of [generation, config]) {
    if (isToken(ends)) return ends
    if (Array.isArray(ends) && ends.length > 0 && ends.every(isToken)) return ends
  }
  return undefined
}

function padding(config: Json, generation: Json, used: readonly unknown[]): number {
  const pad = generation.pad_token_id ?? config.pad_token_id
  return isToken(pad) && !used.includes(pad) ? pad : NO_TOKEN
}

function isToken(id: unknown): id is number {
  return Number.isSafeInteger(id) && (id as number) >= 0
}
