/** The contents of a sliced model's configuration files. */
import { headSize } from '../../model/graph/directory.ts'
import type { Removal } from '../find/removal.ts'

type Json = Record<string, unknown>

/** Keys with a number that holds for every block, by the thing that is counted. */
const COUNTS = {
  pairs: ['num_key_value_heads', 'num_kv_heads'],
  heads: ['num_attention_heads', 'n_head', 'num_heads', 'n_heads'],
  channels: ['intermediate_size', 'ffn_dim', 'n_inner', 'ffn_hidden_size'],
} as const

/** The counts that become smaller when units of a structure are removed, by the structure's kind. */
const COUNTED = {
  heads: ['pairs', 'heads'],
  queries: ['heads'],
  channels: ['channels'],
} as const

/** The share of each count that is left in every block; undefined if it differs between blocks. */
export type CountsLeft = Record<keyof typeof COUNTS, number | undefined> & {
  /** The number of channels, if all blocks have the same. */
  width: number | undefined
}

/** @param blocks - number of blocks of the whole model */
export function countsLeft(removals: readonly Removal[], blocks: number): CountsLeft {
  const left: CountsLeft = { pairs: 1, heads: 1, channels: 1, width: widthLeft(removals, blocks) }
  for (const [kind, counted] of Object.entries(COUNTED)) {
    const shares = new Set(removals.map(({ removed }) => shareLeft(removed, kind)))
    if (removals.length < blocks) shares.add(1)
    const [share] = shares
    for (const count of counted) {
      const before = left[count]
      left[count] = shares.size === 1 && before !== undefined ? before * share : undefined
    }
  }
  return left
}

function widthLeft(removals: readonly Removal[], blocks: number): number | undefined {
  const widths = new Set(
    removals.map(({ removed }) => {
      const [own, another] = removed.filter(({ structure }) => structure.kind === 'channels')
      return own === undefined || another !== undefined ? undefined : own.structure.units - own.units.length
    }),
  )
  return removals.length === blocks && widths.size === 1 ? [...widths][0] : undefined
}

/**
 * Whether a configuration has a place for the number of channels. null is such a place: it means that the number
 * follows from the width.
 */
export function saysChannels(config: Json): boolean {
  return COUNTS.channels.some((key) => typeof config[key] === 'number' || config[key] === null)
}

function shareLeft(removed: Removal['removed'], kind: string): number {
  const own = removed.find(({ structure }) => structure.kind === kind)
  return own === undefined ? 1 : 1 - own.units.length / own.structure.units
}

/**
 * The content of config.json. The head size no longer follows from the other numbers, so it is written out. Each number
 * of heads or channels holds for all blocks: it is changed if all blocks have the same left, and stays the base's
 * otherwise. The graph is what counts.
 */
export function slicedConfig(base: Json, left: CountsLeft): Json {
  const config = scaled(base, left)
  const size = headSize(base)
  return size === undefined ? config : { ...config, head_dim: size }
}

/** The content of genai_config.json of ONNX Runtime GenAI: the numbers of heads in its model.decoder are changed. */
export function slicedGenaiConfig(base: Json, left: CountsLeft): Json {
  const model = base.model as Json | undefined
  const decoder = model?.decoder as Json | undefined
  return decoder === undefined ? base : { ...base, model: { ...model, decoder: scaled(decoder, left) } }
}

function scaled(config: Json, left: CountsLeft): Json {
  const out = { ...config }
  for (const [count, keys] of Object.entries(COUNTS) as [keyof typeof COUNTS, readonly string[]][]) {
    const share = left[count] ?? 1
    for (const key of keys) {
      const value = config[key]
      if (typeof value === 'number') out[key] = Math.round(value * share)
      else if (value === null && count === 'channels' && share !== 1 && left.width !== undefined) out[key] = left.width
    }
  }
  return out
}
