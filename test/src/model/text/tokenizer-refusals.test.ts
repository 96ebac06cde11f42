/** Every option is known, or refused by its name before anything runs. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { endOfText, TokenizerProcess } from '../../../../src/model/text/tokenizer.ts'
import { definitionOf, directoryOf } from '../../../support/models/opened-tokenizers.ts'

const tokenizers = new TokenizerProcess()
const scratch = mkdtempSync(join(tmpdir(), 'coppice-refusals-'))
after(() => {
  tokenizers.close()
  rmSync(scratch, { recursive: true })
})

type Fields = Record<string, unknown>

/** A tokenizer of bytes, or of another case, with these sections. */
function changed(sections: Fields, name = 'bytes'): Fields {
  return { ...definitionOf(name), ...sections }
}

const ADDED = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }
const SPLIT = { type: 'Split', pattern: { String: ' ' }, behavior: 'Isolated', invert: false }
const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }
const SINGLE = { Sequence: { id: 'A', type_id: 0 } }
const bytes = definitionOf('bytes').model as Fields
const vocabulary = bytes.vocab as Record<string, number>
const size = Object.keys(vocabulary).length

/** The words of the refusal, and the definition that they are about. */
const REFUSED: [says: string, definition: unknown][] = [
  [
    'pre_tokenizer.pretokenizers[1].behavior = "merged_with_previous" is not a value',
    changed({
      pre_tokenizer: { type: 'Sequence', pretokenizers: [SPLIT, { ...SPLIT, behavior: 'merged_with_previous' }] },
    }),
  ],
  ['pre_tokenizer.limit = 3 is not known', changed({ pre_tokenizer: { ...SPLIT, limit: 3 } })],
  ['pre_tokenizer.invert is missing', changed({ pre_tokenizer: { ...SPLIT, invert: undefined } })],
  ['pre_tokenizer.type = "Words" is not known', changed({ pre_tokenizer: { type: 'Words' } })],
  ['pre_tokenizer.type = "toString" is not known', changed({ pre_tokenizer: { type: 'toString' } })],
  ['pre_tokenizer.type is missing', changed({ pre_tokenizer: { invert: false } })],
  ['pre_tokenizer is [], not an object', changed({ pre_tokenizer: [] })],
  ['pre_tokenizer.pretokenizers is missing', changed({ pre_tokenizer: { type: 'Sequence' } })],
  ['pre_tokenizer.length = 0 is not a value', changed({ pre_tokenizer: { type: 'FixedLength', length: 0 } })],
  [
    'pre_tokenizer.str_rep = "_" is not the replacement',
    changed({ pre_tokenizer: { type: 'Metaspace', replacement: '▁', str_rep: '_' } }),
  ],
  [
    'normalizer.normalizers[0].pattern = {"Glob":"*"} is not a value',
    changed({
      normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { Glob: '*' }, content: '' }] },
    }),
  ],
  ['normalizer.type = "NFX" is not known', changed({ normalizer: { type: 'NFX' } })],
  [
    'normalizer makes a text more than 1000 times as long',
    changed({
      normalizer: {
        type: 'Sequence',
        normalizers: new Array(10).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'aaa' }),
      },
    }),
  ],
  ['model.dropout = 0.1 is not a value', changed({ model: { ...bytes, dropout: 0.1 } })],
  ['model.fuse_unk = "yes" is not a value', changed({ model: { ...bytes, fuse_unk: 'yes' } })],
  ['model.cache = 10 is not known', changed({ model: { ...bytes, cache: 10 } })],
  ['model.vocab = {', changed({ model: { ...bytes, vocab: { ...vocabulary, half: 0.5 } } })],
  ['model.vocab = {', changed({ model: { ...bytes, vocab: { ...vocabulary, huge: 2 ** 31 } } })],
  ['model is missing', changed({ model: null })],
  ['model.type = "Tiktoken" is not known', changed({ model: { ...bytes, type: 'Tiktoken' } })],
  ['post_processor.type = "Words" is not known', changed({ post_processor: { type: 'Words' } })],
  [
    'post_processor.single = [null] is not a value',
    changed({ post_processor: { type: 'TemplateProcessing', single: [null], pair: [null], special_tokens: {} } }),
  ],
  [
    'post_processor.single[0] = {"SpecialToken":{"id":"bos","type_id":0}} is not among the special_tokens',
    changed({
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: 'bos', type_id: 0 } }, SINGLE],
        pair: [],
        special_tokens: {},
      },
    }),
  ],
  [
    'does not hold the text once',
    changed({
      post_processor: { type: 'TemplateProcessing', single: [SINGLE, SINGLE], pair: [], special_tokens: {} },
    }),
  ],
  [
    'post_processor.pair = [null] is not a value',
    changed({ post_processor: { type: 'TemplateProcessing', single: [SINGLE], pair: [null], special_tokens: {} } }),
  ],
  [
    'pre_tokenizer.trim_offsets = "yes" is not a value',
    changed({ pre_tokenizer: { ...BYTE_LEVEL, trim_offsets: 'yes' } }),
  ],
  ['decoder.type = "Vocoder" is not known', changed({ decoder: { type: 'Vocoder' } })],
  ['added_tokens is {}, not a list', changed({ added_tokens: {} })],
  [
    'added_tokens[0].weight = 2 is not known',
    changed({ added_tokens: [{ ...ADDED, id: 9, content: 'x', weight: 2 }] }),
  ],
  ['added_tokens[0].id = 1.5 is not a value', changed({ added_tokens: [{ ...ADDED, id: 1.5, content: 'x' }] })],
  [`added_tokens[0].id = 9, and`, changed({ added_tokens: [{ ...ADDED, id: 9, content: 'new' }] })],
  ['chat_template = "x" is not known', changed({ chat_template: 'x' })],
  ['version = "2.0" is not a value', changed({ version: '2.0' })],
  ['it is [], not an object', '[]'],
  ['it is "x", not an object', '"x"'],
  ['it is 1, not an object', '1'],
  ['it is null, not an object', 'null'],
  ['it is no JSON', '{'],
  ['something nested too deeply', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['unmatched parenthesis', changed({ pre_tokenizer: { ...SPLIT, pattern: { Regex: '(a' } } })],
]

describe('a tokenizer is refused by the name of', () => {
  for (const [says, definition] of REFUSED) {
    it(says, async () => {
      await assert.rejects(tokenizers.open(directoryOf(scratch, definition)), (error: Error & { code: string }) => {
        assert.equal(error.code, 'TOKENIZER_UNREADABLE')
        assert.ok(error.message.includes(says), error.message)
        return true
      })
    })
  }
})

describe('a tokenizer that fails', () => {
  it('on one text is refused with its own words', async () => {
    const model = { ...(definitionOf('words').model as Fields), unk_token: 'none' }
    await using tokenizer = await tokenizers.open(directoryOf(scratch, changed({ model }, 'words')))
    await assert.rejects(tokenizer.encode(['unheard']), { code: 'TOKENIZER_FAILED', message: /WordLevel error/ })
  })

  it('with its process is refused, and others are opened in a new one', async () => {
    const other = await tokenizers.open(directoryOf(scratch, changed({})))
    const pre_tokenizer = { ...SPLIT, pattern: { Regex: '(a+)+$' } }
    const slow = await tokenizers.open(directoryOf(scratch, changed({ pre_tokenizer })))
    const failed = { code: 'TOKENIZER_FAILED', message: /retry-limit-in-match over/ }
    await assert.rejects(slow.encode([`${'a'.repeat(60)}b`]), failed)
    await assert.rejects(other.encode(['the']), failed)
    await using again = await tokenizers.open(directoryOf(scratch, changed({})))
    assert.deepEqual([...(await again.encode(['the']))], [vocabulary.the])
  })
})

describe('a token that the embedding has no row for', () => {
  it('is refused with its text and place, whatever number the library gives it', async () => {
    for (const id of [size, size + 50]) {
      const added = { added_tokens: [{ ...ADDED, id, content: 'gi\nrl' }] }
      await using tokenizer = await tokenizers.open(directoryOf(scratch, changed(added)), size)
      const ids = await tokenizer.encode(['the gi\nrl'])
      assert.deepEqual([...ids], [vocabulary.the, vocabulary.Ġ, id])
      assert.throws(() => tokenizer.assertInEmbedding(ids, 'a.txt'), {
        code: 'TOKEN_BEYOND_EMBEDDING',
        message: `token 3 of a.txt is ${id} ("gi\\nrl"), and the model's embedding has ${size} rows`,
      })
      tokenizer.assertInEmbedding(await tokenizer.encode(['the']), 'a.txt')
    }
  })

  it('is refused where the post-processor puts it', async () => {
    const special_tokens = { bos: { id: 'bos', ids: [5000], tokens: ['bos'] } }
    const single = [{ SpecialToken: { id: 'bos', type_id: 0 } }, SINGLE]
    const post_processor = { type: 'TemplateProcessing', single, pair: [], special_tokens }
    await using tokenizer = await tokenizers.open(directoryOf(scratch, changed({ post_processor })), size)
    const ids = await tokenizer.encode(['the'])
    assert.throws(() => tokenizer.assertInEmbedding(ids, 'a.txt'), { message: /^token 1 of a.txt is 5000, and/ })
  })
})

it('half of a surrogate pair counts as U+FFFD', async () => {
  await using tokenizer = await tokenizers.open(directoryOf(scratch, changed({})))
  for (const half of ['\ud83c', '\udf63'])
    assert.deepEqual(await tokenizer.encode([`a${half}b`, half]), await tokenizer.encode(['a\ufffdb', '\ufffd']))
})

describe('a directory without tokenizer.json', () => {
  for (const [names, says] of [
    [[], /holds no tokenizer.json$/],
    [['vocab.json', 'merges.txt'], /vocab.json and merges.txt alone cannot be run/],
    [['tokenizer.model'], /tokenizer.model alone cannot be run/],
    [['vocab.txt'], /vocab.txt alone cannot be run/],
  ] as const) {
    it(`and ${names.join(', ') || 'nothing else'} says how it is made`, async () => {
      const dir = join(scratch, names.join('-') || 'none')
      mkdirSync(dir)
      for (const name of names) writeFileSync(join(dir, name), '')
      await assert.rejects(tokenizers.open(dir), (error: Error & { code: string; hint: string }) => {
        assert.equal(error.code, 'TOKENIZER_MISSING')
        assert.match(error.message, says)
        assert.match(error.hint, /save_pretrained\(DIR\)/)
        return true
      })
    })
  }
})

it('tokenizer_config.json decides no id', async () => {
  const dir = directoryOf(join(scratch, 'configured'), changed({}))
  const text = ['The OTHER  Café']
  await using plain = await tokenizers.open(dir)
  const ids = await plain.encode(text)
  writeFileSync(
    join(dir, 'tokenizer_config.json'),
    JSON.stringify({ do_lowercase_and_remove_accent: true, remove_space: true, add_bos_token: true, legacy: false }),
  )
  await using configured = await tokenizers.open(dir)
  assert.deepEqual(await configured.encode(text), ids)
})

it('an end of text that is no token id is refused', () => {
  const dir = join(scratch, 'ends')
  mkdirSync(dir)
  const endBy = (eos_token_id: unknown) => {
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ eos_token_id }))
    return endOfText(dir)
  }
  assert.deepEqual([7, [8, 9], null, undefined, []].map(endBy), [7, 8, null, null, null])
  for (const wrong of [1.5, -1, '2', [{}], 2 ** 31]) assert.throws(() => endBy(wrong), { code: 'MODEL_CONFIG' })
})
