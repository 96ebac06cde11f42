import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fuzzTokenizers } from './tokenizers.ts'

it('100,000 hostile tokenizer.json are run, or refused in two lines', async () => {
  const { accepted, refused } = await fuzzTokenizers({ seed: 2, count: 100_000 })
  assert.ok(accepted > 30_000, `${accepted} were accepted`)
  assert.ok((refused.get('TOKENIZER_UNREADABLE') ?? 0) > 30_000)
})
