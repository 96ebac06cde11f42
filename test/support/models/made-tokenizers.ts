/** Tokenizers of many kinds, made of the vocabularies of two that are here. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMBEDDED_MODEL } from '../../../scripts/paths.ts'
import { type Encoder, openTokenizer } from '../../../src/model/text/tokenizer.ts'
import { fixturePath } from '../shared.ts'

type Definition = Record<string, unknown> & { model: Record<string, unknown> & { vocab: Record<string, number> } }

const definitionOf = (dir: string) => JSON.parse(readFileSync(join(dir, 'tokenizer.json'), 'utf8')) as Definition
const words = definitionOf(EMBEDDED_MODEL)
const pieces = definitionOf(fixturePath('stories260k'))

async function opened(definition: object): Promise<Encoder> {
  const dir = mkdtempSync(join(tmpdir(), 'coppice-tokenizer-'))
  try {
    writeFileSync(join(dir, 'tokenizer.json'), JSON.stringify(definition))
    return await openTokenizer(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** The pattern of Llama 3 and Qwen 2: line ends go with signs before them, digits by three. */
const PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const split = { type: 'Split', pattern: { Regex: PATTERN }, behavior: 'Isolated', invert: false }
const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
const metaspace = (prepend_scheme: string) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme })

/** Scores that do not tie: longer tokens are likelier, and no sum of some is that of others. */
const unigram = Object.keys(pieces.model.vocab).map((token, id) => [token, -12 + token.length + Math.sin(id) / 3])
/** Pieces of the embedded vocabulary: words as they begin (Ġ), and what goes on in a word. */
const wordPieces = Object.fromEntries(
  ['[UNK]', ...Object.keys(words.model.vocab).filter((token) => /^Ġ?[a-z0-9.,;!?'-]+$/.test(token))].map(
    (token, id) => [token === '[UNK]' ? token : token.startsWith('Ġ') ? token.slice(1) : `##${token}`, id],
  ),
)

const plain = { decoder: null, post_processor: null, normalizer: null, pre_tokenizer: null, added_tokens: [] }
const bert = {
  ...plain,
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    lowercase: true,
    strip_accents: null,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: wordPieces,
  },
}

/** @param id - behind the vocabulary, or that of the vocabulary's own token */
const added = (id: number, content: string, lstrip: boolean, rstrip: boolean) => ({
  ...{ id, content, single_word: false, lstrip, rstrip, normalized: false, special: true },
})
const SIZE = Object.keys(words.model.vocab).length

export const KINDS: Readonly<Record<string, () => Promise<Encoder>>> = {
  'byte pairs of words (GPT-2)': () => opened(words),
  'byte pairs, digits by three (Llama 3)': () =>
    opened({ ...words, pre_tokenizer: { type: 'Sequence', pretokenizers: [split, bytes] } }),
  'byte pairs, composed characters (Qwen 2)': () =>
    opened({
      ...words,
      normalizer: { type: 'NFC' },
      pre_tokenizer: { type: 'Sequence', pretokenizers: [split, bytes] },
    }),
  'byte pairs of the whole text': () => opened({ ...words, pre_tokenizer: bytes }),
  'byte pairs with added tokens': () =>
    opened({
      ...words,
      added_tokens: [
        added(SIZE, '<cut>', true, true),
        added(SIZE + 1, 'a tree', false, true),
        added(SIZE + 2, '\n\n', false, false),
      ],
    }),
  'byte pairs that know the end of a word': () =>
    opened({
      ...words,
      model: { ...words.model, end_of_word_suffix: '</w>', unk_token: '<s>' },
    }),
  'SentencePiece, byte pairs (LLaMA)': () => opened(pieces),
  'SentencePiece behind Metaspace': () => opened({ ...pieces, normalizer: null, pre_tokenizer: metaspace('first') }),
  'SentencePiece, compatible characters, small letters': () =>
    opened({
      ...pieces,
      normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKC' }, { type: 'Lowercase' }] },
      pre_tokenizer: metaspace('always'),
    }),
  'Unigram (T5)': () =>
    opened({
      ...plain,
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Strip', strip_left: true, strip_right: true },
          { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
        ],
      },
      pre_tokenizer: metaspace('always'),
      model: { type: 'Unigram', unk_id: 0, vocab: unigram, byte_fallback: false },
    }),
  'WordPiece (BERT)': () => opened(bert),
}
