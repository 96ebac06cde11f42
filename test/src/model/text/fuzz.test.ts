import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzTexts } from './fuzz.ts'

test('a changed text is read, or refused in two lines, in time and without keeping memory', async () => {
  const { accepted, refused } = await fuzzTexts(1, 1200)
  assert.ok(accepted > 200, `${accepted} were read`)
  for (const code of ['TEXT_JSONL', 'TEXT_ENCODING', 'TEXT_FORM', 'TEXT_PACKED', 'INSTRUCTIONS_JSONL'])
    assert.ok(refused.has(code), `none was refused with ${code}`)
})
