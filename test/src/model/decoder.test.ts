import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { InputError } from '../../../src/errors.ts'
import { Decoder } from '../../../src/model/decoder.ts'
import { Stream } from '../../../src/model/stream.ts'
import { fixturePath, needsShared, sharedPath } from '../../shared.ts'

/** What is in the repository, and the same in more variants where they lie beside it. */
const OWN = ['llama-gqa-tied/external', 'llama-gqa-tied/dynamo', 'opt/optimum-past']
const FAMILIES = ['llama-mha', 'llama-gqa-tied', 'mistral', 'qwen2', 'opt']
const VARIANTS = ['optimum', 'optimum-past', 'external', 'dynamo']
const EXISTING = FAMILIES.flatMap((family) => VARIANTS.map((variant) => `${family}/${variant}`)).filter(
  (name) => name.startsWith('llama-gqa-tied') || !/external|dynamo/.test(name) || /(qwen2|opt)\/dynamo/.test(name),
)
/** PyTorch and ONNX Runtime differ by 5e-6 on these graphs. */
const LOGIT_TOLERANCE = 1e-4

interface Expected {
  ids: number[][]
  logits: number[][][]
}

async function largestDifference(dir: string): Promise<number> {
  const { ids, logits } = JSON.parse(readFileSync(`${dir}/../expected.json`, 'utf8')) as Expected
  const decoder = Decoder.open(dir)
  try {
    const stream = await Stream.start(decoder, {
      ids: Int32Array.from(ids.flat()),
      count: ids.length,
      length: ids[0].length,
    })
    for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
    let largest = 0
    for (const [window, rows] of logits.entries()) {
      const found = await stream.logits(window)
      for (const [i, expected] of rows.flat().entries()) largest = Math.max(largest, Math.abs(found[i] - expected))
    }
    return largest
  } finally {
    await decoder.close()
  }
}

describe('a decoder cut into embedding, blocks and head', () => {
  for (const name of OWN) {
    it(`gives the logits of PyTorch: ${name}`, async () => {
      const difference = await largestDifference(fixturePath(`decoders/${name}`))
      assert.ok(difference < LOGIT_TOLERANCE, `${difference}`)
    })
  }
  for (const name of EXISTING.filter((known) => !OWN.includes(known))) {
    const path = `models/fixtures/${name}`
    it(`gives the logits of PyTorch: ${name}`, { skip: needsShared(path) }, async () => {
      const difference = await largestDifference(sharedPath(path) ?? '')
      assert.ok(difference < LOGIT_TOLERANCE, `${difference}`)
    })
  }

  it('finds layers by structure, in topological order, whatever their names', () => {
    const shapes = ['64x64', '32x64', '32x64', '64x64', '160x64', '160x64', '64x160']
    for (const name of ['llama-gqa-tied/external', 'llama-gqa-tied/dynamo']) {
      const { layers } = Decoder.open(fixturePath(`decoders/${name}`))
      for (const block of [0, 1]) {
        const found = layers.filter((layer) => layer.block === block).map(({ rows, cols }) => `${rows}x${cols}`)
        assert.deepEqual(found, shapes, name)
      }
    }
  })

  it('shares statistics between layers that read the same value', () => {
    const { forms } = Decoder.open(fixturePath('stories260k'))
    assert.deepEqual(forms[0].inputs, [64, 64, 64, 172])
    assert.deepEqual(
      forms[0].layers.map(({ input }) => input),
      [0, 0, 0, 1, 2, 2, 3],
    )
  })

  it('counts parameters as the trainer does', () => {
    assert.equal(Decoder.open(fixturePath('stories260k')).parameters, 260_032)
  })

  it('makes one session for blocks that are alike', async () => {
    const decoder = Decoder.open(fixturePath('stories260k'))
    const stream = await Stream.start(decoder, { ids: new Int32Array(32), count: 1, length: 32 })
    for (let block = 0; block < decoder.blocks; block++) {
      await stream.observe(block, 'squares')
      await stream.pass(block, undefined)
    }
    assert.equal(decoder.sessionCount, 3) // embedding, block, observed block
    await decoder.close()
  })

  it('observes the same sums whether it forms Gram matrices or squares', async () => {
    const decoder = Decoder.open(fixturePath('stories260k'))
    const ids = Int32Array.from({ length: 96 }, (_, i) => (i * 37) % 512)
    const stream = await Stream.start(decoder, { ids, count: 3, length: 32 })
    const squares = await stream.observe(0, 'squares')
    const grams = await stream.observe(0, 'gram')
    for (const [k, { sumSquares, gram }] of grams.entries()) {
      assert.ok(gram)
      for (const [j, sum] of sumSquares.entries()) {
        const other = squares[k].sumSquares[j]
        assert.ok(Math.abs(sum - other) <= 1e-5 * Math.abs(other), `input ${k}, column ${j}: ${sum} and ${other}`)
      }
    }
    await decoder.close()
  })

  it('sums Gram matrices over batches, the last of them shorter', async () => {
    const decoder = Decoder.open(fixturePath('stories260k'))
    const [count, length] = [11, 128] // batches of four windows
    const ids = Int32Array.from({ length: count * length }, (_, i) => (i * 37) % 512)
    const gramsOf = async (first: number, some: number) => {
      const windows = { ids: ids.slice(first * length, (first + some) * length), count: some, length }
      const stream = await Stream.start(decoder, windows)
      return (await stream.observe(0, 'gram')).map(({ gram }) => gram ?? new Float32Array())
    }
    const together = await gramsOf(0, count)
    const apart = await Promise.all(Array.from({ length: count }, (_, window) => gramsOf(window, 1)))
    for (const [k, gram] of together.entries()) {
      const size = Math.sqrt(gram.length)
      const largest = Math.max(...gram)
      for (let i = 0; i < size; i++) {
        for (let j = i; j < size; j++) {
          const sum = apart.reduce((total, one) => total + one[k][i * size + j], 0)
          assert.ok(Math.abs(gram[i * size + j] - sum) <= 1e-5 * largest, `input ${k}, entry ${i}, ${j}`)
        }
      }
    }
    await decoder.close()
  })

  it('refuses quantised weights and says what to export instead', { skip: needsShared('models/fixtures') }, () => {
    for (const name of ['int8', 'int4']) {
      const dir = sharedPath(`models/fixtures/llama-gqa-tied/${name}`) ?? ''
      assert.throws(() => Decoder.open(dir), { name: 'InputError', code: 'OPERATOR_QUANTISED' }, name)
    }
  })

  it('refuses an unknown operator by its name', { skip: needsShared('models/fixtures') }, () => {
    const dir = sharedPath('models/fixtures/llama-gqa-tied/genai') ?? ''
    assert.throws(
      () => Decoder.open(dir),
      (error: InputError) => error instanceof InputError && /SimplifiedLayerNormalization/.test(error.message),
    )
  })
})
