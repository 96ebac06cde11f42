import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../../src/base/errors.ts'
import { readOnnx } from '../../../src/onnx/read.ts'
import { fixturePath } from '../../support/shared.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-read-'))
after(() => rmSync(scratch, { recursive: true }))

const MODEL = readFileSync(join(fixturePath('decoders/llama-gqa-tied/external'), 'model.onnx'))

/** The error that reading these bytes as model.onnx throws, or undefined. */
function failure(bytes: Uint8Array): unknown {
  const path = join(scratch, 'model.onnx')
  writeFileSync(path, bytes)
  try {
    readOnnx(path)
    return undefined
  } catch (error) {
    return error
  }
}

describe('reading an ONNX file', () => {
  it('leaves the weights on disk and knows where they lie', () => {
    const { initializers, graph } = readOnnx(join(fixturePath('stories260k'), 'model.onnx'))
    assert.equal(graph.initializer.length, 0)
    const embedding = initializers.get('model.embed_tokens.weight')
    assert.deepEqual(embedding?.dims, [512, 64])
    assert.equal(embedding?.data.kind, 'file')
  })

  it('refuses a missing file, an empty one and noise as input errors', () => {
    assert.throws(() => readOnnx(join(scratch, 'absent.onnx')), { code: 'MODEL_MISSING' })
    assert.throws(
      () => {
        throw failure(new Uint8Array(0))
      },
      { code: 'MODEL_UNREADABLE' },
    )
    assert.throws(
      () => {
        throw failure(Buffer.from('not a model at all'))
      },
      { code: 'MODEL_UNREADABLE' },
    )
  })

  it('answers any damage with an input error or a model, never with a crash', () => {
    fc.assert(
      fc.property(fc.nat(MODEL.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = Buffer.from(cut ? MODEL.subarray(0, at) : MODEL)
        if (!cut) bytes[at] = byte
        const error = failure(bytes)
        return error === undefined || error instanceof InputError
      }),
      { numRuns: 200 },
    )
  })

  it('refuses weights that lie outside the model directory', () => {
    const text = MODEL.toString('latin1').replaceAll('model.onnx_data', '../../etc/passwd'.slice(0, 15))
    assert.throws(
      () => {
        throw failure(Buffer.from(text, 'latin1'))
      },
      { code: 'MODEL_DATA_PATH' },
    )
  })
})
