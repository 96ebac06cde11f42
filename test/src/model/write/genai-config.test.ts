import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { genaiConfigFor } from '../../../../src/model/write/genai-config.ts'
import type { GraphProto, ValueInfoProto } from '../../../../src/onnx/generated/onnx_pb.js'
import type { OnnxModel } from '../../../../src/onnx/model.ts'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { fixturePath } from '../../../support/shared.ts'

const BASE = fixturePath('decoders/gpt2/optimum-past')
const json = (dir: string, name: string) =>
  existsSync(join(dir, name)) ? JSON.parse(readFileSync(join(dir, name), 'utf8')) : {}

/** The parts of the file that are looked at. */
interface Written {
  model: {
    pad_token_id: number
    vocab_size: number
    context_length: number
    decoder: {
      head_size: number
      num_hidden_layers: number
      num_key_value_heads: number
      inputs: Record<string, string>
      outputs: Record<string, string>
    }
  }
  search: { past_present_share_buffer: boolean }
}

function configFor(dir: string, model: OnnxModel = readOnnx(join(dir, 'model.onnx')), changed = {}) {
  const config = { ...json(dir, 'config.json'), ...changed }
  return genaiConfigFor({ model, config, generation: {}, graph: 'onnx/model.onnx' })
}

describe('the configuration for ONNX Runtime GenAI', () => {
  it('gives the names of inputs and outputs, and the sizes, that the graph has', () => {
    const found = configFor(BASE)
    assert.ok('content' in found)
    const { model, search } = found.content as unknown as Written
    const { graph } = readOnnx(join(BASE, 'model.onnx'))
    const { inputs, outputs, ...decoder } = model.decoder
    const { past_key_names: key, past_value_names: value, ...others } = inputs
    const blocks = Array.from({ length: decoder.num_hidden_layers }, (_, block) => String(block))
    const pasts = blocks.flatMap((block) => [key.replace('%d', block), value.replace('%d', block)])
    assert.deepEqual([...Object.values(others), ...pasts].sort(), graph.input.map(({ name }) => name).sort())
    const presents = blocks.flatMap((block) =>
      [outputs.present_key_names, outputs.present_value_names].map((name) => name.replace('%d', block)),
    )
    assert.deepEqual([outputs.logits, ...presents].sort(), graph.output.map(({ name }) => name).sort())
    const config = json(BASE, 'config.json')
    assert.equal(decoder.num_hidden_layers, config.n_layer)
    assert.equal(decoder.num_key_value_heads * decoder.head_size, config.n_embd)
    assert.deepEqual([model.vocab_size, model.context_length], [config.vocab_size, config.n_positions])
    assert.equal(search.past_present_share_buffer, false)
    assert.equal(model.pad_token_id, -1) // not the token that ends a text: GenAI would mask it in a chat
    for (const [pad, written] of [
      [7, 7],
      [2, -1],
      ['7', -1],
    ]) {
      const other = configFor(BASE, undefined, { pad_token_id: pad })
      assert.ok('content' in other)
      assert.equal((other.content as unknown as Written).model.pad_token_id, written)
    }
  })

  it('is refused with the reason where GenAI cannot run the graph', () => {
    const cases: [RegExp, (graph: GraphProto) => void, config?: Record<string, unknown>][] = [
      [/wants the input use_cache_branch/, ({ input }) => void (input[0].name = 'use_cache_branch')],
      [/no input input_ids/, ({ input }) => void input.splice(0, 1)],
      [
        /takes no keys and values/,
        (graph) => {
          graph.input = graph.input.filter(({ name }) => !name.startsWith('past'))
        },
      ],
      [/do not count the blocks/, ({ output }) => void output.pop()],
      [/do not count the blocks/, ({ input }) => void (input[1].name = 'past_key_values.7.key')],
      [/do not count the blocks/, ({ input }) => void (input[1].name = 'past_key_values.%d.0.key')],
      [/different numbers of key and value heads/, ({ input }) => fix(input[1], 1, 3)],
      [/windows of one length/, ({ input }) => fix(input[0], 1, 8)],
      [/no output logits/, ({ output }) => void output.splice(0, 1)],
      [/no token that ends a text/, () => undefined, { eos_token_id: null }],
      [/no token that ends a text/, () => undefined, { eos_token_id: [2, -1] }],
      [/how long a text may be/, () => undefined, { n_positions: '1e9', n_ctx: null, max_position_embeddings: null }],
    ]
    for (const [says, change, config] of cases) {
      const model = readOnnx(join(BASE, 'model.onnx'))
      change(model.graph)
      const found = configFor(BASE, model, config)
      assert.match('why' in found ? found.why : 'nothing is in the way', says)
    }
  })
})

/** Fixes one axis of an input. */
function fix({ type }: ValueInfoProto, axis: number, size: number): void {
  const dim = type?.tensorType?.shape?.dim[axis] ?? assert.fail()
  dim.value = { case: 'dimValue', value: BigInt(size) }
}
