import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fuzzTokenizers } from './tokenizers.ts'

it('a hostile tokenizer.json is run, or refused in two lines (more in npm run soak)', async () => {
  const { accepted, refused } = await fuzzTokenizers({ seed: 1, count: 400 })
  assert.ok(accepted > 100, `${accepted} were accepted`)
  assert.deepEqual([...refused.keys()].toSorted(), ['TOKENIZER_FAILED', 'TOKENIZER_UNREADABLE'])
})
