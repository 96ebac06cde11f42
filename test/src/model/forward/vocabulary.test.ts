import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import type { InputStatistics } from '../../../../src/model/forward/input-statistics.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import type { Observation } from '../../../../src/model/forward/sums.ts'
import { observeVocabulary, tokenInputs } from '../../../../src/model/forward/vocabulary.ts'
import { attributesOf, makeNode, tensorProto } from '../../../../src/onnx/build.ts'
import { DATA_TYPE } from '../../../../src/onnx/tensor.ts'
import { sharedDecoders } from '../../../support/models/decoders.ts'
import { edited } from '../../../support/models/edited.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath, sharedPath } from '../../../support/shared.ts'

/** It learns a vector for each position. */
const GPT2 = fixturePath('decoders/gpt2/optimum-past')
const LLAMA = fixturePath('decoders/llama-gqa-tied/genai')
const OTHERS = ['opt/optimum-past', 'llama-gqa-tied/dynamo'].map((name) => fixturePath(`decoders/${name}`))
const IDS = Int32Array.from({ length: 96 }, (_, id) => id)

function open(context: TestContext, dir: string): Decoder {
  const decoder = Decoder.open(dir, { threads: 1 })
  context.after(() => decoder.close())
  return decoder
}

/** Statistics of the first input over the vocabulary, and its number of ids. */
async function first(decoder: Decoder, window: number, observation: Observation = 'squares') {
  const [statistics] = await observeVocabulary(decoder, { ids: IDS, window }, observation)
  assert.ok(statistics !== undefined)
  return statistics
}

/** The same of a text. */
async function ofText(decoder: Decoder, ids: Int32Array, length: number, observation: Observation) {
  const stream = await Stream.start(decoder, { ids, count: ids.length / length, length })
  return (await stream.observe(0, observation))[0]
}

function assertClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  for (const [i, value] of expected.entries()) {
    const error = Math.abs(actual[i] - value)
    assert.ok(error <= tolerance * Math.max(...expected.map(Math.abs)), `${i}: ${actual[i]} instead of ${value}`)
  }
}

describe('the vocabulary in place of a text', () => {
  for (const observation of ['squares', 'moments', 'gram'] as const) {
    it(`gives the ${observation} of a text that has each token once, the last window cut off behind the last id`, async (context) => {
      const decoder = open(context, GPT2)
      const window = 40
      const found = await first(decoder, window, observation)
      assert.equal(found.tokens, IDS.length)
      const whole = await ofText(decoder, IDS.slice(0, 2 * window), window, observation)
      const rest = await ofText(decoder, IDS.slice(2 * window), IDS.length - 2 * window, observation)
      for (const sums of ['sumSquares', 'sums', 'gram'] satisfies (keyof InputStatistics)[]) {
        const expected = Array.from(whole[sums] ?? [], (value, i) => value + (rest[sums]?.[i] ?? 0))
        assert.equal(found[sums]?.length ?? 0, expected.length)
        assertClose(found[sums] ?? [], expected, 1e-6)
      }
    })
  }

  it('places tokens at every position of a window, so the window matters only where positions are learned', async (context) => {
    const sums = async (dir: string) => {
      const decoder = open(context, dir)
      return Promise.all([8, 32].map(async (window) => [...(await first(decoder, window)).sumSquares]))
    }
    const [short, long] = await sums(LLAMA)
    assertClose(short, long, 1e-6)
    const [varied, other] = await sums(GPT2)
    assert.throws(() => assertClose(varied, other, 1e-3))
  })
})

describe('an input that follows from the token alone', () => {
  const followed = async (context: TestContext, dir: string) => {
    const { ways, mixed } = await tokenInputs(open(context, dir))
    return { found: ways.map((way) => way !== undefined), mixed }
  }

  for (const dir of [GPT2, LLAMA, ...OTHERS]) {
    it(`is the first of ${dir.split('/').slice(-2).join(', ')}, and no later one`, async (context) => {
      assert.deepEqual(await followed(context, dir), { found: [true, false, false, false], mixed: [] })
    })
  }

  const parallel = sharedDecoders().filter((name) => name.startsWith('gpt-neox/'))
  it('may be one of the feed-forward part, where that stands beside attention', {
    skip: parallel.length === 0 && 'needs the fixtures beside the checkout',
  }, async (context) => {
    for (const name of parallel) {
      const dir = sharedPath(`models/fixtures/${name}`) ?? ''
      assert.deepEqual(await followed(context, dir), { found: [true, false, true, true], mixed: [] })
    }
  })

  /** Nodes that put one position of the embedded tokens, [batch, window, features], into others, by operator. */
  const MIXING: Record<string, (raw: string, mixed: string) => ReturnType<typeof makeNode>[]> = {
    CumSum: (raw, mixed) => [makeNode('CumSum', [raw, 'window_axis'], [mixed])],
    ReduceMean: (raw, mixed) => [
      makeNode('ReduceMean', [raw, 'window_axes'], ['mean'], { attribute: attributesOf({ keepdims: 1 }) }),
      makeNode('Sub', [raw, 'mean'], [mixed]),
    ],
    Reshape: (raw, mixed) => [
      makeNode('Reshape', [raw, 'one_row'], ['flat']),
      makeNode('Shape', [raw], ['dims']),
      makeNode('Reshape', ['flat', 'dims'], [mixed]),
    ],
  }
  for (const [operator, nodes] of Object.entries(MIXING)) {
    it(`is measured on the text where ${operator} stands before it, and that is said`, async (context) => {
      const { leaves } = open(context, GPT2).cut.embedding
      const dir = edited(
        join(await temporaryDirectory(context), 'model'),
        (graph) => {
          const at = graph.node.findIndex(({ output }) => output.includes(leaves))
          const { output } = graph.node[at]
          output[output.indexOf(leaves)] = 'raw'
          graph.node.splice(at + 1, 0, ...nodes('raw', leaves))
          const integers = (name: string, dims: number[], value: number) =>
            tensorProto({ name, dataType: DATA_TYPE.int64, dims }, BigInt64Array.of(BigInt(value)))
          graph.initializer.push(
            integers('window_axis', [], 1),
            integers('window_axes', [1], 1),
            integers('one_row', [1], -1),
          )
        },
        GPT2,
      )
      const { found, mixed } = await followed(context, dir)
      assert.deepEqual(found, [false, false, false, false])
      assert.deepEqual(mixed, [{ layer: 'transformer.h.0.attn.c_attn', operator }])
      const none = await observeVocabulary(open(context, dir), { ids: IDS, window: 8 }, 'gram')
      assert.deepEqual(none, [undefined, undefined, undefined, undefined])
    })
  }
})
