import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { widthOf } from '../../../../src/structure/choose/width.ts'
import { sliceWidth } from '../../../../src/structure/cut/slice-width.ts'
import { narrowConfig, writeNarrow } from '../../../../src/structure/write/write-narrow.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

describe('the directory of a model of fewer hidden channels', () => {
  it('has the width under any name, and keeps sizes that followed from it', () => {
    assert.deepEqual(narrowConfig({ hidden_size: 64, num_attention_heads: 4, intermediate_size: 64 }, 64, 48), {
      ...{ hidden_size: 48, num_attention_heads: 4, intermediate_size: 64, head_dim: 16 },
    })
    assert.deepEqual(narrowConfig({ n_embd: 64, n_head: 4, n_inner: null }, 64, 50), {
      ...{ n_embd: 50, n_head: 4, n_inner: 256, head_dim: 16 },
    })
    const opt = { hidden_size: 64, num_attention_heads: 4, ffn_dim: 64 }
    const left = { hidden_size: 50, num_attention_heads: 4, ffn_dim: 64, head_dim: 16 }
    assert.deepEqual(narrowConfig({ ...opt, word_embed_proj_dim: 64 }, 64, 50), { ...left, word_embed_proj_dim: 50 })
    assert.deepEqual(narrowConfig({ ...opt, word_embed_proj_dim: 32 }, 64, 50), { ...left, word_embed_proj_dim: 32 })
    const said = { hidden_size: 64, num_attention_heads: 4, head_dim: 32 }
    assert.deepEqual(narrowConfig(said, 64, 50), { ...said, hidden_size: 50 })
  })

  it("has GenAI's width too, weights beside the graph where the base has, and the tied head one tensor still", async (context) => {
    const directory = await temporaryDirectory(context)
    const [base, out] = ['base', 'out'].map((name) => join(directory, name))
    await cp(fixturePath('decoders/llama-gqa-tied/genai'), base, { recursive: true })
    const genai = { model: { type: 'llama', decoder: { hidden_size: 64, head_size: 16 } }, search: { top_k: 1 } }
    await writeFile(join(base, 'genai_config.json'), JSON.stringify(genai))
    const decoder = Decoder.open(base, { threads: 1 })
    const width = await widthOf(decoder)
    writeNarrow(decoder, sliceWidth(decoder, width, [1, 2, 3, 4]), width, 60, out)
    genai.model.decoder.hidden_size = 60
    assert.deepEqual(JSON.parse(readFileSync(join(out, 'genai_config.json'), 'utf8')), genai)
    const smaller = Decoder.open(out)
    assert.equal(smaller.model.initializers.size, decoder.model.initializers.size)
    // Everything but rotary tables, which are not counted, lies along the width once.
    assert.equal(smaller.parameters / 60, decoder.parameters / 64)
    const outside = [...smaller.model.initializers.values()].filter(({ data }) => data.kind === 'file')
    assert.ok(outside.some(({ data }) => data.kind === 'file' && /data$/.test(data.path)))
  })
})
