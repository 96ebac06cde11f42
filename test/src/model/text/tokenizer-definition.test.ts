import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { tokenIds } from '../../../../src/model/text/tokenizer-definition.ts'
import { directoryOf } from '../../../support/models/opened-tokenizers.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'

test('the ids of a tokenizer are those of its vocabulary and of added tokens that have a row, each once', async (context) => {
  const model = { type: 'WordLevel', vocab: { b: 7, a: 2, '[UNK]': 0 }, unk_token: '[UNK]' }
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const added = { '[UNK]': 0, '<s>': 9, '<far>': 600 }
  const definition = {
    ...{ version: '1.0', normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null },
    ...{ truncation: null, padding: null, model },
    added_tokens: Object.entries(added).map(([content, id]) => ({ id, content, ...plain })),
  }
  const path = join(directoryOf(await temporaryDirectory(context), definition), 'tokenizer.json')
  assert.deepEqual([...tokenIds(path, 512)], [0, 2, 7, 9])
  assert.deepEqual([...tokenIds(path, null)], [0, 2, 7, 9, 600])
})
