import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { runPlain } from '../../../../src/runtime/reference-run.ts'
import { dropBlocks } from '../../../../src/structure/cut/drop-blocks.ts'
import { expectedShallow, shallowConfig, writeShallow } from '../../../../src/structure/write/write-shallow.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

describe('the directory of a model without some blocks', () => {
  it('says how many are left, by whatever name, and of what kind each is', () => {
    const base = { num_hidden_layers: 4, n_layer: 4, layer_types: ['a', 'b', 'c', 'd'], hidden_size: 64, lists: [1, 2] }
    assert.deepEqual(shallowConfig(base, 4, [1, 2]), {
      num_hidden_layers: 2,
      n_layer: 2,
      layer_types: ['a', 'd'],
      hidden_size: 64,
      lists: [1, 2],
    })
    assert.deepEqual(base.layer_types, ['a', 'b', 'c', 'd'])
  })

  it("has weights beside the graph where the base has, without dropped ones, and GenAI's number", async (context) => {
    const directory = await temporaryDirectory(context)
    const [base, out] = ['base', 'out'].map((name) => join(directory, name))
    await cp(fixturePath('decoders/llama-gqa-tied/genai'), base, { recursive: true })
    const genai = { model: { type: 'llama', decoder: { num_hidden_layers: 2, head_size: 16 } }, search: { top_k: 1 } }
    await writeFile(join(base, 'genai_config.json'), JSON.stringify(genai))
    const decoder = Decoder.open(base, { threads: 1 })
    const shallow = dropBlocks(decoder, [0])
    writeShallow(decoder, shallow, [0], out)
    genai.model.decoder.num_hidden_layers = 1
    assert.deepEqual(JSON.parse(readFileSync(join(out, 'genai_config.json'), 'utf8')), genai)
    const [before, after] = [decoder, Decoder.open(out)].map(({ model }) => model.initializers)
    const outside = [...after.values()].filter(({ data }) => data.kind === 'file' && /data$/.test(data.path))
    assert.ok(outside.length > 0 && after.size < before.size)
    for (const { weight } of decoder.cut.blocks[0].layers)
      assert.ok(before.has(weight.name) && !after.has(weight.name), weight.name)
    const size = (path: string) => readFileSync(path).length
    assert.ok(size(join(out, 'onnx/model.onnx_data')) < size(join(base, 'model.onnx.data')))
    const run = await expectedShallow(decoder, shallow, [0], { dir: out, ids: Int32Array.of(5, 3, 9, 2) })
    assert.ok(((await runPlain({ ...run, threads: 1 })) ?? 1) < 1e-4)
  })
})
