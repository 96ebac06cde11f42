import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { makeNode, valueInfo } from '../../../../src/onnx/build.ts'
import { GraphProtoSchema } from '../../../../src/onnx/generated/onnx_pb.js'
import { followAxes } from '../../../../src/structure/find/follow.ts'
import { structuresOf } from '../../../../src/structure/find/follow-blocks.ts'
import { findStructures, type Structure } from '../../../../src/structure/find/structure.ts'
import { fixturePath } from '../../../support/shared.ts'

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, k) => from + k)
/** A structure's kind, units, and places of a unit in each member. */
const form = ({ kind, units, members }: Structure) => [kind, units, members.map(({ places }) => places[0].length)]

describe('coupled structures of a block', () => {
  it('of a LLaMA with shared keys: heads with the queries that read them, and channels', async () => {
    const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    const blocks = await structuresOf(decoder)
    assert.equal(blocks.length, 5)
    for (const [block, structures] of blocks.entries()) {
      assert.deepEqual(structures.map(form), [
        ['heads', 4, [16, 8, 8, 16]],
        ['channels', 172, [1, 1, 1]],
      ])
      const [heads, channels] = structures
      const tensors = decoder.cut.blocks[block].layers.map(({ weight }) => weight.name)
      assert.deepEqual(
        [...heads.members, ...channels.members].map(({ tensor }) => tensor),
        tensors,
      )
      // Weights are stored [in, out]: queries, keys and values lose columns, the output projection rows.
      assert.deepEqual(
        heads.members.map(({ axis, places }) => [axis, places[1]]),
        [
          [1, range(16, 32)],
          [1, range(8, 16)],
          [1, range(8, 16)],
          [0, range(16, 32)],
        ],
      )
      assert.deepEqual(
        channels.members.map(({ axis, places }) => [axis, places[7]]),
        [
          [1, [7]],
          [1, [7]],
          [0, [7]],
        ],
      )
    }
  })

  for (const [name, expected] of [
    [
      'llama-gqa-tied/dynamo',
      [
        ['heads', 2, [32, 16, 16, 32]],
        ['channels', 160, [1, 1, 1]],
      ],
    ],
    // Queries, keys and values in one matrix.
    [
      'llama-gqa-tied/genai',
      [
        ['heads', 2, [64, 32]],
        ['channels', 160, [1, 1, 1]],
      ],
    ],
    [
      'llama-gqa-tied/genai-fp16',
      [
        ['heads', 2, [64, 32]],
        ['channels', 160, [1, 1, 1]],
      ],
    ],
    // With biases, which lose their places; those of the layers behind do not.
    [
      'gpt2/optimum-past',
      [
        ['heads', 4, [48, 48, 16]],
        ['channels', 256, [1, 1, 1]],
      ],
    ],
    [
      'opt/optimum-past',
      [
        ['heads', 4, [16, 16, 16, 16, 16, 16, 16]],
        ['channels', 160, [1, 1, 1]],
      ],
    ],
  ] as const) {
    it(`are found in whatever form: ${name}`, async () => {
      const decoder = Decoder.open(fixturePath(`decoders/${name}`), { threads: 1 })
      for (const structures of await structuresOf(decoder)) {
        assert.deepEqual(structures.map(form), expected)
        assert.ok(structures.every(({ locked }) => locked === undefined))
      }
    })
  }

  it('of packed queries, keys and values: a head has its part of each', async () => {
    const [[heads]] = await structuresOf(Decoder.open(fixturePath('decoders/llama-gqa-tied/genai'), { threads: 1 }))
    // 4 query heads of 16, then 2 of keys, then 2 of values.
    assert.deepEqual(heads.members[0].places[1], [...range(32, 64), ...range(80, 96), ...range(112, 128)])
  })

  it('of queries that share keys: each on its own, group by group, where keys and values stay', async () => {
    const blocks = await structuresOf(Decoder.open(fixturePath('stories260k'), { threads: 1 }), 'query')
    for (const structures of blocks) {
      assert.deepEqual(structures.map(form), [
        ['queries', 8, [8, 8]],
        ['channels', 172, [1, 1, 1]],
      ])
      assert.equal(structures[0].groups, 4)
      for (const { places } of structures[0].members) assert.deepEqual(places[3], range(24, 32))
    }
    const packed = Decoder.open(fixturePath('decoders/llama-gqa-tied/genai'), { threads: 1 })
    const [[queries]] = await structuresOf(packed, 'query')
    assert.deepEqual([queries.groups, ...form(queries)], [2, 'queries', 4, [16, 16]])
    const [[heads]] = await structuresOf(Decoder.open(fixturePath('decoders/gpt2/optimum-past')), 'query')
    assert.equal(heads.kind, 'heads', 'no query shares keys')
  })

  it('stay where a Constant node holds a number for each', () => {
    const shapes: Record<string, number[]> = {
      x0: [3, 2],
      w0: [2, 4],
      h: [3, 4],
      c: [4],
      s: [3, 4],
      w1: [4, 2],
      y: [3, 2],
    }
    const graph = create(GraphProtoSchema, {
      input: ['x0', 'w0', 'w1'].map((name) => valueInfo(name)),
      node: [
        makeNode('Constant', [], ['c'], { name: 'slopes' }),
        makeNode('MatMul', ['x0', 'w0'], ['h']),
        makeNode('Mul', ['h', 'c'], ['s']),
        makeNode('MatMul', ['s', 'w1'], ['y']),
      ],
    })
    const observed = { shapes: new Map(Object.entries(shapes)), contents: new Map() }
    const [channels] = findStructures(graph, followAxes(graph, observed, 'x0'))
    assert.deepEqual(form(channels), ['channels', 4, [1, 1]])
    assert.equal(channels.locked, '"slopes" holds a number for each')
  })
})
