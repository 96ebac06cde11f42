import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Removal } from '../../../../src/structure/find/removal.ts'
import type { Structure } from '../../../../src/structure/find/structure.ts'
import { countsLeft, slicedConfig, slicedGenaiConfig } from '../../../../src/structure/write/sliced-config.ts'

const structure = (kind: Structure['kind'], units: number): Structure => ({
  kind,
  units,
  groups: 1,
  members: [],
  locked: undefined,
})
const first = (count: number) => Array.from({ length: count }, (_, unit) => unit)

/** Two of four heads and five of twenty channels of these blocks. */
const removals = (blocks: number): Removal[] =>
  first(blocks).map((block) => ({
    block,
    removed: [
      { structure: structure('heads', 4), units: first(2) },
      { structure: structure('channels', 20), units: first(5) },
    ],
  }))

const BASE = { num_attention_heads: 8, num_key_value_heads: 4, hidden_size: 128, intermediate_size: 20, vocab_size: 9 }
const GENAI = { model: { decoder: { ...BASE, head_size: 16 }, type: 'llama' }, search: { top_k: 1 } }

describe('configuration of a sliced model', () => {
  it('has the counts left in every block, and the size of a head', () => {
    const left = countsLeft(removals(3), 3)
    assert.deepEqual(slicedConfig(BASE, left), {
      ...BASE,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      intermediate_size: 15,
      head_dim: 16,
    })
    const { model, ...others } = slicedGenaiConfig(GENAI, left) as typeof GENAI
    assert.deepEqual(others, { search: { top_k: 1 } })
    assert.deepEqual(
      [model.type, model.decoder.num_attention_heads, model.decoder.num_key_value_heads, model.decoder.head_size],
      ['llama', 4, 2, 16],
    )
  })

  it('says a number of channels that followed from the width', () => {
    const base = { n_embd: 128, n_head: 8, n_inner: null, hidden_act: null }
    const sliced = slicedConfig(base, countsLeft(removals(3), 3))
    assert.deepEqual(sliced, { n_embd: 128, n_head: 4, n_inner: 15, hidden_act: null, head_dim: 16 })
  })

  it('stays the base where blocks differ', () => {
    const left = countsLeft(removals(2), 3)
    assert.deepEqual(left, { pairs: undefined, heads: undefined, channels: undefined, width: undefined })
    assert.deepEqual(slicedConfig(BASE, left), { ...BASE, head_dim: 16 })
    assert.deepEqual(slicedGenaiConfig(GENAI, left), GENAI)
  })
})
