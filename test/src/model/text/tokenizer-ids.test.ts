/** Ids are those of Hugging Face's library for Python, over the forms that tokenizer.json allows. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { TokenizerProcess } from '../../../../src/model/text/tokenizer.ts'
import { definitionOf, directoryOf, EXPECTED, TEXTS } from '../../../support/models/opened-tokenizers.ts'

describe('token ids are those of the Python library tokenizers', () => {
  const tokenizers = new TokenizerProcess()
  const scratch = mkdtempSync(join(tmpdir(), 'coppice-ids-'))
  after(() => {
    tokenizers.close()
    rmSync(scratch, { recursive: true })
  })

  for (const [name, { ids, whole }] of Object.entries(EXPECTED)) {
    it(`for ${name}`, async () => {
      await using tokenizer = await tokenizers.open(directoryOf(scratch, definitionOf(name)))
      const [leading, ...found] = (await tokenizer.encodeEach(['', ...TEXTS])).map((tokens) => [...tokens])
      for (const [k, tokens] of found.entries())
        assert.deepEqual(tokens, [...leading, ...ids[k]], JSON.stringify(TEXTS[k]))
      // Whatever is added behind a text is left out.
      assert.deepEqual(found[0], whole.slice(0, leading.length + ids[0].length))
    })
  }
})
