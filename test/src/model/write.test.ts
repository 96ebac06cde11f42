import assert from 'node:assert/strict'
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { cutDecoder } from '../../../src/model/cut.ts'
import { type BlockWeights, Decoder } from '../../../src/model/decoder.ts'
import { tellApart } from '../../../src/model/layers.ts'
import { runPlain } from '../../../src/model/plain.ts'
import { compareWritten, expectedRun, writeModel } from '../../../src/model/write.ts'
import { readOnnx } from '../../../src/onnx/read.ts'
import { readFloats, tensorBytes } from '../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../src/onnx/write.ts'
import { fixturePath } from '../../shared.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-write-'))
after(() => rmSync(scratch, { recursive: true }))

/** Every other weight of every layer zeroed. */
function halved(decoder: Decoder): (block: number) => BlockWeights {
  return (block) => decoder.baseWeights(block).map((weight) => weight.map((w, i) => (i % 2 === 0 ? 0 : w)))
}

const IDS = Int32Array.from({ length: 48 }, (_, i) => (i * 31) % 96)
/** What two ways through the same arithmetic may differ by, as a share of the largest logit. */
const LOGIT_SHARE = 1e-3

describe('writing a model', () => {
  for (const name of [
    'stories260k',
    'decoders/llama-gqa-tied/external',
    'decoders/llama-gqa-tied/dynamo',
    'decoders/opt/optimum-past',
  ]) {
    it(`gives a directory of the same form that plain ONNX Runtime loads: ${name}`, async () => {
      const decoder = Decoder.open(fixturePath(name))
      const out = join(scratch, name.replaceAll('/', '-'))
      writeModel(decoder, halved(decoder), out)
      assert.ok(
        ((await runPlain({ ...(await expectedRun(decoder, halved(decoder), out, IDS)), threads: 1 })) ?? 1) <
          LOGIT_SHARE,
      )
      const written = Decoder.open(out)
      for (let block = 0; block < decoder.blocks; block++) {
        assert.deepEqual(written.baseWeights(block), halved(decoder)(block), `block ${block}`)
      }
      assert.equal(compareWritten(decoder, halved(decoder), out), null)
      assert.deepEqual(written.model.externalFiles, decoder.model.externalFiles)
      await decoder.close()
    })
  }

  it('leaves every other tensor as it was, bit for bit', () => {
    const decoder = Decoder.open(fixturePath('stories260k'))
    const out = join(scratch, 'untouched')
    writeModel(decoder, () => undefined, out)
    const written = readOnnx(join(out, 'model.onnx'))
    for (const [name, tensor] of readOnnx(join(fixturePath('stories260k'), 'model.onnx')).initializers) {
      const copy = written.initializers.get(name)
      assert.ok(copy, name)
      assert.ok(Buffer.from(tensorBytes(tensor)).equals(tensorBytes(copy)), name)
    }
  })

  it('finds any flipped bit in what was written', () => {
    const decoder = Decoder.open(fixturePath('decoders/llama-gqa-tied/external'))
    const out = join(scratch, 'flipped')
    writeModel(decoder, halved(decoder), out)
    for (const file of ['model.onnx', 'model.onnx_data', 'tokenizer.json', 'config.json']) {
      const whole = readFileSync(join(out, file))
      for (const at of [0, 1, 7, whole.length >> 1, whole.length - 1]) {
        const flipped = Buffer.from(whole)
        flipped[at] ^= 1 << (at % 8)
        writeFileSync(join(out, file), flipped)
        const difference = safely(() => compareWritten(decoder, halved(decoder), out))
        assert.notEqual(difference, null, `${file}, byte ${at}`)
      }
      writeFileSync(join(out, file), whole)
    }
    assert.equal(compareWritten(decoder, halved(decoder), out), null)
  })

  it('tells apart layers that an exporter stored once', async () => {
    const dir = join(scratch, 'shared')
    cpSync(fixturePath('stories260k'), dir, { recursive: true })
    const model = readOnnx(join(fixturePath('stories260k'), 'model.onnx'))
    const { blocks } = cutDecoder(model)
    const first = blocks[0].layers[0]
    model.graph.node[blocks[1].layers[0].node].input[1] = first.weight.name
    writeOnnx(model, join(dir, 'model.onnx'), null)

    const decoder = Decoder.open(dir)
    const names = decoder.cut.blocks.map(({ layers }) => layers[0].weight.name)
    assert.notEqual(names[0], names[1])
    assert.deepEqual(decoder.baseWeights(0)[0], decoder.baseWeights(1)[0])
    const out = join(scratch, 'apart')
    const onlyFirst = (block: number) => (block === 0 ? halved(decoder)(0) : undefined)
    writeModel(decoder, onlyFirst, out)
    assert.ok(
      ((await runPlain({ ...(await expectedRun(decoder, onlyFirst, out, IDS)), threads: 1 })) ?? 1) < LOGIT_SHARE,
    )
    const written = Decoder.open(out)
    assert.deepEqual(written.baseWeights(1)[0], decoder.baseWeights(1)[0])
    assert.notDeepEqual(written.baseWeights(0)[0], decoder.baseWeights(0)[0])
    assert.equal(
      tellApart(
        readOnnx(join(out, 'model.onnx')),
        written.cut.blocks.flatMap(({ layers }) => layers),
      ),
      false,
    )
    await decoder.close()
  })

  it('reads weights beyond 2^31 bytes of a file', () => {
    const dir = join(scratch, 'far')
    mkdirSync(dir)
    const path = join(dir, 'weights')
    const fd = openSync(path, 'w')
    const offset = 2 ** 31 + 4096
    writeSync(fd, new Uint8Array(Float32Array.of(1.5, -2).buffer), 0, 8, offset)
    closeSync(fd)
    const values = readFloats({ name: 'far', dims: [2], dataType: 1, data: { kind: 'file', path, offset, length: 8 } })
    assert.deepEqual([...values], [1.5, -2])
  })
})

function safely(compare: () => string | null): string | null {
  try {
    return compare()
  } catch (error) {
    return String(error)
  }
}
