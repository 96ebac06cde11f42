import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../src/model/forward/perplexity.ts'
import type { GraphProto, ModelProto } from '../../../src/onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../../src/onnx/tensor.ts'
import { coppice } from '../../support/command-line.ts'
import { edited } from '../../support/models/edited.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-finite-'))
after(() => rmSync(scratch, { recursive: true }))

const TEXT = join(scratch, 'text.txt')
writeFileSync(TEXT, 'A wood that is cut back grows again, and stronger. '.repeat(40))
const WINDOWS = { ids: Int32Array.from({ length: 16 }, (_, i) => i + 1), count: 1, length: 16 }

/** Puts a value among the weights of the first product of a block. */
function spoil(value: number, name: RegExp) {
  return (graph: GraphProto): void => {
    const tensor = graph.initializer.find((each) => name.test(each.name)) ?? assert.fail(`${name}`)
    const values = new Float32Array(Uint8Array.from(tensor.rawData).buffer)
    values[100 % values.length] = value
    tensor.rawData = new Uint8Array(values.buffer)
  }
}

const PRODUCT = /^onnx::MatMul_/

describe('a weight that is no number', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it(`is refused with the name of its layer: ${value}`, async () => {
      const dir = edited(join(scratch, `${value}`), spoil(value, PRODUCT))
      const message = RegExp(`^layer \\S+ of the model has a weight that is ${value} `)
      assert.throws(() => Decoder.open(dir).baseWeights(0), { code: 'WEIGHTS_NOT_FINITE', message })
      await assert.rejects(perplexity(Decoder.open(dir), WINDOWS), { code: 'WEIGHTS_NOT_FINITE', message })
    })
  }

  it('is refused in a norm with the name of its tensor, and infinite ones where they make the logits no numbers', async () => {
    const norm = edited(join(scratch, 'norm'), spoil(Number.NaN, /layer_norm\.weight$/))
    await assert.rejects(perplexity(Decoder.open(norm), WINDOWS), {
      code: 'WEIGHTS_NOT_FINITE',
      message: /^tensor "[^"]*layer_norm\.weight" of the model has a weight that is NaN/,
    })
    const infinite = edited(join(scratch, 'infinite'), spoil(Number.POSITIVE_INFINITY, /embed_tokens\.weight$/))
    await assert.rejects(perplexity(Decoder.open(infinite), WINDOWS), { code: 'LOGITS_NOT_FINITE' })
  })

  it('ends every command that computes with it', async () => {
    const dir = edited(join(scratch, 'commands'), spoil(Number.NaN, PRODUCT))
    const given = ['--model', dir, '--text', TEXT, '--window', '16']
    for (const line of [
      ['evaluate'],
      ['prune', '--pruner', 'magnitude', '--sparsity', '0.5', '--out', join(scratch, 'pruned')],
      ['shrink', '--ratio', '0.5', '--windows', '2', '--out', join(scratch, 'smaller')],
      ['recover', '--steps', '1', '--length', '16', '--out', join(scratch, 'recovered')],
    ]) {
      const { exit, stderr } = await coppice(...line, ...given)
      assert.equal(exit, 3, `${line[0]}: ${stderr}`)
      assert.match(stderr, /coppice: layer \S+ of the model has a weight that is NaN/, line[0])
    }
  })
})

describe('an element type', () => {
  it('has its name in a refusal: bfloat16', () => {
    const dir = edited(join(scratch, 'bfloat16'), (graph: GraphProto, _: ModelProto) => {
      for (const tensor of graph.initializer.filter(({ name }) => PRODUCT.test(name))) {
        tensor.dataType = DATA_TYPE.bfloat16
        tensor.rawData = tensor.rawData.subarray(0, tensor.rawData.length / 2)
      }
    })
    assert.throws(() => Decoder.open(dir), { code: 'WEIGHTS_NOT_FLOAT32', message: /as bfloat16, not float32/ })
  })
})
