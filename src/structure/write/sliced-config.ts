/** What the configuration files of a sliced model say. */
import { headSize } from '../../model/graph/directory.ts'
import type { Removal } from '../find/removal.ts'

type Json = Record<string, unknown>

/** Keys that say how many there are in every block, by what is counted. */
const COUNTS = {
  pairs: ['num_key_value_heads', 'num_kv_heads'],
  heads: ['num_attention_heads', 'n_head', 'num_heads', 'n_heads'],
  channels: ['intermediate_size', 'ffn_dim', 'n_inner', 'ffn_hidden_size'],
} as const

/** What goes of each count with a unit of a structure's kind. */
const COUNTED = {
  heads: ['pairs', 'heads'],
  queries: ['heads'],
  channels: ['channels'],
} as const

/** By what is counted, the share that is left of it in every block; undefined: not the same in all. */
export type CountsLeft = Record<keyof typeof COUNTS, number | undefined> & {
  /** Channels themselves, where all blocks have the same number. */
  width: number | undefined
}

/** @param blocks - of the whole model */
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

/** Whether a configuration has a place for the number of channels; null stands for what follows from the width. */
export function saysChannels(config: Json): boolean {
  return COUNTS.channels.some((key) => typeof config[key] === 'number' || config[key] === null)
}

function shareLeft(removed: Removal['removed'], kind: string): number {
  const own = removed.find(({ structure }) => structure.kind === kind)
  return own === undefined ? 1 : 1 - own.units.length / own.structure.units
}

/**
 * config.json. The head size no longer follows from the others, so it is said. Numbers of heads and channels are one
 * for all blocks: they change where all blocks have the same left, and stay the base's elsewhere; the graph is what
 * counts.
 */
export function slicedConfig(base: Json, left: CountsLeft): Json {
  const config = scaled(base, left)
  const size = headSize(base)
  return size === undefined ? config : { ...config, head_dim: size }
}

/** genai_config.json of ONNX Runtime GenAI: the numbers of heads in its model.decoder. */
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
