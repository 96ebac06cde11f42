import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Decoder } from '../../../../src/model/forward/decoder.ts'
import type { Removal } from '../../../../src/structure/find/removal.ts'
import type { Structure } from '../../../../src/structure/find/structure.ts'
import { assertUniform } from '../../../../src/structure/write/uniform.ts'

const LLAMA = { model_type: 'llama', hidden_size: 64, num_attention_heads: 8, intermediate_size: 20 }

/** Checks two blocks with 8 heads and 20 channels. @param gone - how many of them are removed from each */
function check(config: Record<string, unknown>, gone: readonly [heads: number, channels: number][]): void {
  const structure = (kind: Structure['kind'], units: number) => ({
    kind,
    units,
    groups: 1,
    members: [],
    locked: undefined,
  })
  const first = (count: number) => Array.from({ length: count }, (_, unit) => unit)
  const removals: Removal[] = gone.map(([heads, channels], block) => ({
    block,
    removed: [
      { structure: structure('heads', 8), units: first(heads) },
      { structure: structure('channels', 20), units: first(channels) },
    ],
  }))
  assertUniform({ directory: { config }, blocks: 2 } as Decoder, removals)
}

const twice = (heads: number, channels: number): [number, number][] => [
  [heads, channels],
  [heads, channels],
]

describe('a model that Hugging Face tools can load', () => {
  it('has the same left in every block', () => {
    check(LLAMA, twice(4, 5))
    for (const other of [
      [4, 6],
      [5, 5],
    ] as [number, number][])
      assert.throws(() => check(LLAMA, [[4, 5], other]), { code: 'UNIFORM_UNLIKE' })
    assert.throws(() => check(LLAMA, [[4, 5]]), { code: 'UNIFORM_UNLIKE' })
  })

  it('is of a family whose configuration can say the size of a head, if heads were removed', () => {
    const gpt2 = { model_type: 'gpt2', n_embd: 64, n_head: 8, n_inner: null }
    check(gpt2, twice(0, 5))
    assert.throws(() => check(gpt2, twice(4, 5)), { code: 'UNIFORM_FAMILY', message: /size of a head/ })
  })

  it('is of a family whose configuration can say the number of channels, if channels were removed', () => {
    const bloom = { model_type: 'bloom', hidden_size: 64, n_head: 8 }
    check(bloom, twice(0, 0))
    assert.throws(() => check(bloom, twice(0, 5)), { code: 'UNIFORM_FAMILY', message: /number of channels/ })
  })

  it('has heads that divide the width, where the family demands it', () => {
    assert.throws(() => check(LLAMA, twice(2, 5)), { code: 'UNIFORM_HEADS', message: /6 heads .* 64/ })
    check({ ...LLAMA, model_type: 'qwen2' }, twice(2, 5))
  })
})
