import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { BlockWeights } from '../../../src/form/block-weights.ts'
import type { Windows } from '../../../src/form/windows.ts'
import { LossGradients } from '../../../src/model/backward/gradients.ts'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../src/model/forward/perplexity.ts'
import { writeModel } from '../../../src/model/write/write.ts'
import { transpose } from '../../../src/onnx/tensor.ts'
import { Adaptation } from '../../../src/recover/adaptation.ts'
import { Adapters } from '../../../src/recover/adapters.ts'
import { hiding, scaledGemm } from '../../support/models/hidden-matrices.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { Random } from '../../support/random.ts'
import { fixturePath } from '../../support/shared.ts'

const RANK = 3
const ALPHA = 6
const SCALE = ALPHA / RANK
/** MatMul and Gemm, with a past, fused and packed, in float16. */
const MODELS = [
  'stories260k',
  'decoders/opt/optimum-past',
  'decoders/gpt2/optimum-past',
  'decoders/llama-gqa-tied/genai',
  'decoders/llama-gqa-tied/genai-fp16',
]

const random = new Random(11)
const windows: Windows = {
  ids: Int32Array.from({ length: 48 }, () => Math.floor(random.next() * 96)),
  count: 3,
  length: 16,
}

describe('adapters beside the layers of a block', () => {
  for (const name of MODELS) {
    it(`have the gradients that the changed weights give them: ${name}`, async () => {
      await assertGradients(Decoder.open(fixturePath(name), { threads: 1 }), 0)
    })
    it(`under held zeros as well: ${name}`, async (context) => {
      const decoder = Decoder.open(fixturePath(name), { threads: 1 })
      const dir = await temporaryDirectory(context)
      const pruned = (block: number) =>
        decoder.baseWeights(block).map((weight) => weight.map((w, i) => (i % 3 === 0 ? 0 : w)))
      writeModel(decoder, pruned, dir)
      await assertGradients(Decoder.open(dir, { threads: 1 }), decoder.layers.length)
    })
  }
})

it('adapters beside a Gemm with a factor are multiplied by it', async (context) => {
  const dir = hiding(join(await temporaryDirectory(context), 'gemm'), { 'layers.1/mlp/down_proj': scaledGemm })
  const decoder = Decoder.open(dir, { threads: 1 })
  assert.deepEqual([decoder.layers.length, decoder.cut.blocks[1].layers[6].alpha], [35, 2])
  await assertGradients(decoder, 0)
})

/** Weights with the adapters added stand in for the rewritten graph; their gradients are tested elsewhere. */
async function assertGradients(decoder: Decoder, heldLayers: number): Promise<void> {
  const adaptation = new Adaptation(decoder, { rank: RANK, alpha: ALPHA })
  assert.equal(adaptation.heldLayers, heldLayers)
  const own = new Random(4)
  const adapters = Adapters.start(decoder.forms, RANK, 1)
  for (const i of adapters.values.keys()) adapters.values[i] += 0.02 * own.normal()
  const merged = (block: number): BlockWeights => adaptation.merged(block, adapters)

  const found = new Adapters(decoder.forms, RANK)
  const gradients = new LossGradients(decoder)
  const { loss } = await gradients.run({
    ...{ windows, perBatch: 2, of: 'layers', beside: adaptation.beside(adapters) },
    onPart: (part, own) => typeof part === 'number' && adaptation.collect(part, own, found),
  })
  const expected = new Adapters(decoder.forms, RANK)
  await gradients.run({
    ...{ windows, perBatch: 2, of: 'layers', weightsOf: merged },
    onPart(part, ofWeights) {
      if (typeof part !== 'number') return
      const bases = decoder.baseWeights(part)
      for (const [role, { weight, stored, rows, cols }] of decoder.cut.blocks[part].layers.entries()) {
        const raw = ofWeights.get(weight.name) as Float32Array
        const all = stored === 'out-in' ? raw : transpose(raw, cols, rows)
        const masked = all.map((g, i) => (heldLayers > 0 && bases[role][i] === 0 ? 0 : g))
        chain(masked, adapters.of(part, role), expected.of(part, role), cols)
      }
    },
  })
  const measured = await perplexity(decoder, windows, merged)
  assert.ok(Math.abs(loss - Math.log(measured.perplexity)) < 1e-5, `${loss}`)
  const norm = Math.sqrt(expected.values.reduce((sum, g) => sum + g * g, 0))
  const apart = Math.sqrt(expected.values.reduce((sum, g, i) => sum + (g - found.values[i]) ** 2, 0))
  assert.ok(norm > 0 && apart < 1e-4 * norm, `${apart} of ${norm}`)
}

type Adapter = ReturnType<Adapters['of']>

/** W = W0 + scale B A: dA = scale B^T dW, dB = scale dW A^T. */
function chain(dw: Float32Array, { a, b }: Adapter, into: Adapter, cols: number): void {
  const rows = dw.length / cols
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      for (let k = 0; k < RANK; k++) {
        into.a[col * RANK + k] += SCALE * b[k * rows + row] * dw[row * cols + col]
        into.b[k * rows + row] += SCALE * dw[row * cols + col] * a[col * RANK + k]
      }
    }
  }
}
