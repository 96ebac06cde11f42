import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readSafetensors, writeSafetensors } from '../../../../src/model/write/safetensors.ts'
import { DATA_TYPE, readFloats, tensorBytes } from '../../../../src/onnx/tensor.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { needsShared, sharedPath } from '../../../support/shared.ts'

const GIVEN = 'models/stories260k/model.safetensors'

/** A file with this header and so many bytes behind it. */
function file(header: string, data = 0): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)))
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(data)])
}

const entry = (changes: Record<string, unknown> = {}) =>
  JSON.stringify({ a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24], ...changes } })

describe('safetensors', () => {
  it('are written as the format says, and read back', async (context) => {
    const path = join(await temporaryDirectory(context), 'model.safetensors')
    const [a, b] = [Float32Array.of(1, 2, 3, 4, 5, 6), Uint16Array.of(7, 8)]
    writeSafetensors(path, [
      { name: 'a', dims: [2, 3], dataType: DATA_TYPE.float, bytes: () => new Uint8Array(a.buffer) },
      { name: 'b', dims: [2], dataType: DATA_TYPE.bfloat16, bytes: () => new Uint8Array(b.buffer) },
    ])
    const bytes = readFileSync(path)
    const length = Number(bytes.readBigUInt64LE())
    assert.equal(length % 8, 0)
    assert.deepEqual(JSON.parse(bytes.subarray(8, 8 + length).toString()), {
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      b: { dtype: 'BF16', shape: [2], data_offsets: [24, 28] },
    })
    assert.deepEqual(bytes.subarray(8 + length), Buffer.concat([Buffer.from(a.buffer), Buffer.from(b.buffer)]))
    const tensors = readSafetensors(path)
    assert.deepEqual([...tensors.keys()], ['a', 'b'])
    const [first, second] = [...tensors.values()]
    assert.deepEqual([first.dims, readFloats(first)], [[2, 3], a])
    assert.deepEqual([second.dataType, tensorBytes(second)], [DATA_TYPE.bfloat16, new Uint8Array(b.buffer)])
  })

  it('of another writer are the same, read and written again', { skip: needsShared(GIVEN) }, async (context) => {
    const [given, path] = [sharedPath(GIVEN) ?? '', join(await temporaryDirectory(context), 'again')]
    const tensors = readSafetensors(given)
    writeSafetensors(
      path,
      [...tensors.values()].map((tensor) => ({ ...tensor, bytes: () => tensorBytes(tensor) })),
    )
    const again = readSafetensors(path)
    assert.deepEqual([...again.keys()], [...tensors.keys()])
    for (const [name, tensor] of tensors) {
      const copy = again.get(name)
      assert.ok(copy && copy.dims.join() === tensor.dims.join(), name)
      assert.deepEqual(tensorBytes(copy), tensorBytes(tensor), name)
    }
  })

  const long = Buffer.from(file(entry(), 24))
  long.writeBigUInt64LE(2n ** 60n)
  for (const [what, code, bytes] of [
    ['shorter than a length', 'SAFETENSORS_SHORT', Buffer.alloc(7)],
    ['a header longer than the file', 'SAFETENSORS_HEADER', long],
    ['no JSON', 'SAFETENSORS_JSON', file('{"a"', 24)],
    ['no object', 'SAFETENSORS_SIZE', file('null', 24)],
    ['no entry', 'SAFETENSORS_ENTRY', file('{"a": 1}', 24)],
    ['a negative size', 'SAFETENSORS_ENTRY', file(entry({ shape: [-2, -3] }), 24)],
    ['a size that is no integer', 'SAFETENSORS_ENTRY', file(entry({ shape: [1.5, 4] }), 24)],
    ['an unknown element type', 'SAFETENSORS_TYPE', file(entry({ dtype: 'F4' }), 24)],
    ['a name of every object', 'SAFETENSORS_TYPE', file(entry({ dtype: 'toString' }), 24)],
    ['a shape that wants more', 'SAFETENSORS_SHAPE', file(entry({ shape: [2, 4] }), 32)],
    ['a gap', 'SAFETENSORS_OFFSET', file(entry({ data_offsets: [8, 32] }), 32)],
    ['bytes behind the last tensor', 'SAFETENSORS_SIZE', file(entry(), 25)],
    ['an end behind the file', 'SAFETENSORS_SIZE', file(entry(), 23)],
    [
      'an overlap',
      'SAFETENSORS_OFFSET',
      file(
        JSON.stringify({
          a: { dtype: 'U8', shape: [4], data_offsets: [0, 4] },
          b: { dtype: 'U8', shape: [4], data_offsets: [2, 6] },
        }),
        6,
      ),
    ],
  ] as const) {
    it(`are refused by a code: ${what}`, async (context) => {
      const path = join(await temporaryDirectory(context), 'model.safetensors')
      writeFileSync(path, bytes)
      assert.throws(() => readSafetensors(path), { name: 'InputError', code })
    })
  }
})
