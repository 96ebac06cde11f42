import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textFingerprint } from '../../../src/files/fingerprint.ts'
import type { Windows } from '../../../src/form/windows.ts'

const windowsOf = (count: number, length: number, change = (id: number, _at: number) => id): Windows => {
  return { ids: Int32Array.from({ length: count * length }, (_, at) => change((7 * at) % 100, at)), count, length }
}

test('the fingerprint of a text is of its beginning, however much of it is used and however it is cut', () => {
  const own = textFingerprint(windowsOf(4, 128))
  assert.match(own, /^[0-9a-f]{64}$/)
  for (const other of [windowsOf(8, 128), windowsOf(2, 128), windowsOf(16, 64), windowsOf(1, 256)])
    assert.equal(textFingerprint(other), own)
  assert.equal(textFingerprint(windowsOf(4, 128, (id, at) => (at < 256 ? id : 0))), own)
  for (const changed of [0, 128, 255])
    assert.notEqual(textFingerprint(windowsOf(4, 128, (id, at) => (at === changed ? id + 1 : id))), own)
})

test('a text that is shorter than that has a fingerprint as well', () => {
  assert.notEqual(textFingerprint(windowsOf(1, 64)), textFingerprint(windowsOf(1, 63)))
})
