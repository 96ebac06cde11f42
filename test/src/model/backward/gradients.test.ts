import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { Windows } from '../../../../src/form/windows.ts'
import { LossGradients, type WeightGradients } from '../../../../src/model/backward/gradients.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import { transpose } from '../../../../src/onnx/tensor.ts'
import { groupQueryDecoder, multiHeadDecoder, standardAttentionDecoder } from '../../../support/models/graphs.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath } from '../../../support/shared.ts'

interface Recorded {
  length: number
  ids: number[]
  loss: number
  gradients: Record<string, { norm: number; projection: number }>
}

const recorded = JSON.parse(readFileSync(fixturePath('gradients/stories260k.json'), 'utf8')) as Recorded
const windows: Windows = {
  ids: Int32Array.from(recorded.ids),
  count: recorded.ids.length / recorded.length,
  length: recorded.length,
}
/** With attention in plain operators, and fused, packed, and in fp16. */
const LLAMA = ['dynamo', 'genai', 'genai-fp16'].map((exporter) => `llama-gqa-tied/${exporter}`)
/** The difference of norms: float32 against float64. */
const TOLERANCE = 1e-5

describe('gradients of the loss', () => {
  it('are those of autograd, for every parameter, in batches of unlike size', async () => {
    const decoder = open('stories260k')
    const { loss, gradients } = await byParameter(decoder, windows, 3)
    assert.ok(Math.abs(loss - recorded.loss) < 1e-5, `${loss}`)
    assert.deepEqual([...gradients.keys()].sort(), Object.keys(recorded.gradients).sort())
    for (const [name, { norm, projection }] of Object.entries(recorded.gradients)) {
      const gradient = gradients.get(name) ?? []
      const got = Math.sqrt(sumOf(gradient, (g) => g * g))
      assert.ok(Math.abs(got - norm) <= TOLERANCE * norm, `${name}: norm ${got}, ${norm}`)
      const along = sumOf(gradient, (g, i) => g * Math.sin((i + 1) * 0.7))
      // An error of that size in any direction moves the product by at most its norm times the other factor's.
      const most = TOLERANCE * norm * Math.sqrt(gradient.length / 2)
      assert.ok(Math.abs(along - projection) <= most, `${name}: projection ${along}, ${projection}`)
    }
  })

  it('hold what scaling a layer and its reader against each other must not change', async () => {
    const decoder = open('stories260k')
    const { gradients } = await byParameter(decoder, windows, 4)
    const [hidden, channels, headSize] = [64, 172, 8]
    for (let block = 0; block < decoder.blocks; block++) {
      const base = decoder.baseWeights(block)
      const score = (role: number): Float64Array => {
        const { name } = decoder.layers.filter((layer) => layer.block === block)[role]
        const gradient = gradients.get(`${name}.weight`) ?? []
        return Float64Array.from(base[role], (w, i) => w * gradient[i])
      }
      const [q, k, v, o, , up, down] = [0, 1, 2, 3, 4, 5, 6].map(score) // the gate's SiLU is not homogeneous
      const rows = (values: Float64Array, cols: number, row: number, count = 1) =>
        sumOf(values.subarray(row * cols, (row + count) * cols), (x) => x)
      const column = (values: Float64Array, cols: number, at: number) =>
        sumOf(values, (x, i) => (i % cols === at ? x : 0))
      for (let j = 0; j < channels; j++) close(rows(up, hidden, j), column(down, channels, j), `channel ${j}`)
      for (let head = 0; head < 4; head++) {
        const keys = rows(k, hidden, head * headSize, headSize)
        close(rows(q, hidden, 2 * head * headSize, 2 * headSize), keys, `queries of head ${head}`)
        let read = 0
        for (let c = 0; c < 2 * headSize; c++) read += column(o, hidden, 2 * head * headSize + c)
        close(rows(v, hidden, head * headSize, headSize), read, `values of head ${head}`)
      }
    }
  })

  const fixtures = ['opt/optimum-past', 'gpt2/optimum-past', ...LLAMA].map(
    (name) => [name, () => fixturePath(`decoders/${name}`)] as const,
  )
  const built: [string, (dir: string) => string][] = [
    ['GroupQueryAttention with position ids', (dir) => groupQueryDecoder(dir, 'float')],
    ['MultiHeadAttention, a bias in one piece', (dir) => multiHeadDecoder(dir, true)],
    ['Attention and RotaryEmbedding of ONNX', (dir) => standardAttentionDecoder(dir, 'apart')],
    ['Attention of ONNX, heads joined', (dir) => standardAttentionDecoder(dir, 'joined')],
  ]
  for (const [name, directory] of [...fixtures, ...built]) {
    it(`are the slope of the loss: ${name}`, async (context) => {
      const decoder = Decoder.open(directory(await temporaryDirectory(context)), { threads: 1 })
      const random = new Random(3)
      const ids = Int32Array.from({ length: 48 }, () => Math.floor(random.next() * 96))
      const some: Windows = { ids, count: 3, length: 16 }
      const found: Float32Array[][] = []
      const result = await new LossGradients(decoder).run({
        windows: some,
        perBatch: 2,
        of: 'layers',
        onPart(part, gradients) {
          if (typeof part === 'number') found[part] = rowMajor(decoder, part, gradients)
        },
      })
      const square = found.flat().reduce((sum, gradient) => sum + sumOf(gradient, (g) => g * g), 0)
      const lossAt = async (step: number) => {
        const moved = (block: number) =>
          decoder.baseWeights(block).map((w, role) => w.map((value, i) => value + step * found[block][role][i]))
        return Math.log((await perplexity(decoder, some, moved)).perplexity)
      }
      assert.ok(Math.abs(result.loss - (await lossAt(0))) < 1e-5)
      const step = 0.02 / Math.sqrt(square)
      const slope = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step)
      assert.ok(Math.abs(slope / square - 1) < 5e-3, `${slope}, ${square}`)
    })
  }
})

function open(name: string): Decoder {
  return Decoder.open(fixturePath(name), { threads: 1 })
}

/** All gradients by the names that PyTorch gives to parameters; what several parts read is added. */
async function byParameter(decoder: Decoder, of: Windows, perBatch: number) {
  const sums = new Map<string, Float64Array>()
  const { loss } = await new LossGradients(decoder).run({
    windows: of,
    perBatch,
    of: 'all',
    onPart(part, gradients) {
      const layers = typeof part === 'number' ? decoder.cut.blocks[part].layers : []
      const named = decoder.layers.filter(({ block }) => block === part)
      const own = typeof part === 'number' ? rowMajor(decoder, part, gradients) : []
      for (const [initializer, gradient] of gradients) {
        const role = layers.findIndex(({ weight }) => weight.name === initializer)
        const name = role === -1 ? initializer : `${named[role].name}.weight`
        const values = role === -1 ? gradient : own[role]
        const sum = sums.get(name) ?? new Float64Array(values.length)
        sums.set(
          name,
          sum.map((value, i) => value + values[i]),
        )
      }
    },
  })
  return { loss, gradients: sums }
}

/** The gradients of a block's layers, [rows, cols] each. */
function rowMajor(decoder: Decoder, block: number, gradients: WeightGradients): Float32Array[] {
  return decoder.cut.blocks[block].layers.map(({ weight, stored, rows, cols }) => {
    const gradient = gradients.get(weight.name)
    assert.ok(gradient, weight.name)
    return stored === 'out-in' ? gradient : transpose(gradient, cols, rows)
  })
}

function sumOf(values: ArrayLike<number>, term: (value: number, index: number) => number): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += term(values[i], i)
  return sum
}

function close(got: number, wanted: number, what: string): void {
  assert.ok(Math.abs(got - wanted) < 2e-6 + 1e-3 * Math.abs(wanted), `${what}: ${got}, ${wanted}`)
}
