/**
 * Every option of tokenizer.json that Coppice knows, by component. Hugging Face's library `tokenizers` 0.23.2 reads all
 * of these. It ignores options that it does not know; Coppice refuses those by name instead (see
 * tokenizer-definition.ts), and also a value that would make ids depend on chance. Source: the deserialisers of that
 * library, tokenizers/src/{normalizers,pre_tokenizers,models,processors}.
 */
import { z } from 'zod'

/** An option that decides no id: it is switched off, or only read when text is made of ids. */
const WITHOUT_EFFECT = z.unknown()
/** An option that decides where tokens begin and end in the text, and no id. */
const OF_OFFSETS = z.boolean()

/** A token id. The library counts in 32 bits, and token ids are held as int32. */
const ID = z.custom<number>(isTokenId)
const CHARACTER = z.string().refine((text) => [...text].length === 1)
const PATTERN = z.union([z.strictObject({ String: z.string() }), z.strictObject({ Regex: z.string() })])
const BEHAVIOR = z.enum(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'])
const TOKEN_AND_ID = z.tuple([z.string(), ID])
/** No dropout: it leaves merges out by chance. */
const NO_DROPOUT = z.literal([null, 0]).optional()
/** Older files hold the replacement twice, as a character and as text; the library reads the character. */
const SAME_TEXT = z.string().optional()

/** Checked by plain loops: there are hundreds of thousands of entries. */
const VOCABULARY = z.custom<Record<string, number>>((value) => isObject(value) && Object.values(value).every(isTokenId))
const SCORED_VOCABULARY = z.custom<[string, number][]>(
  (value) => Array.isArray(value) && value.every((entry) => isPair(entry) && typeof entry[1] === 'number'),
)
const MERGES = z.custom<string[] | [string, string][]>(
  (value) =>
    Array.isArray(value) &&
    (value.every((merge) => typeof merge === 'string') ||
      value.every((merge) => isPair(merge) && typeof merge[1] === 'string')),
)

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31
}

function isPair(value: unknown): value is [string, unknown] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string'
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An id that tells two texts apart, and decides no token id. */
const TYPE_ID = z.custom<number>(isTokenId)
const PIECE = z.union([
  z.strictObject({ Sequence: z.strictObject({ id: z.literal(['A', 'B']), type_id: TYPE_ID }) }),
  z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: TYPE_ID }) }),
])
const SPECIAL_TOKENS = z.record(
  z.string(),
  z.strictObject({ id: z.string(), ids: z.array(ID), tokens: z.array(z.string()) }),
)

/** The sections of tokenizer.json, which hold components. */
export type Section = 'normalizer' | 'pre_tokenizer' | 'model' | 'post_processor' | 'decoder'

/** The schema of an option's value, or the section whose components its list holds. */
export type Option = z.ZodType | { listOf: Section }

/** The options of a component by its `type`. */
type Components = Readonly<Record<string, Readonly<Record<string, Option>>>>

const NORMALIZERS: Components = {
  BertNormalizer: {
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean(),
  },
  ByteLevel: {},
  Lowercase: {},
  NFC: {},
  NFD: {},
  NFKC: {},
  NFKD: {},
  Nmt: {},
  Precompiled: { precompiled_charsmap: z.base64() },
  Prepend: { prepend: z.string() },
  Replace: { pattern: PATTERN, content: z.string() },
  Sequence: { normalizers: { listOf: 'normalizer' } },
  Strip: { strip_left: z.boolean(), strip_right: z.boolean() },
  StripAccents: {},
}

const PRE_TOKENIZERS: Components = {
  BertPreTokenizer: {},
  ByteLevel: { add_prefix_space: z.boolean(), trim_offsets: OF_OFFSETS, use_regex: z.boolean().optional() },
  CharDelimiterSplit: { delimiter: CHARACTER },
  Digits: { individual_digits: z.boolean() },
  FixedLength: { length: z.int().min(1).optional() },
  Metaspace: {
    replacement: CHARACTER,
    str_rep: SAME_TEXT,
    add_prefix_space: z.boolean().nullish(),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
    split: z.boolean().nullish(),
  },
  Punctuation: { behavior: BEHAVIOR.optional() },
  Sequence: { pretokenizers: { listOf: 'pre_tokenizer' } },
  Split: { pattern: PATTERN, behavior: BEHAVIOR, invert: z.boolean() },
  UnicodeScripts: {},
  Whitespace: {},
  WhitespaceSplit: {},
}

const MODELS: Components = {
  BPE: {
    dropout: NO_DROPOUT,
    unk_token: z.string().nullish(),
    continuing_subword_prefix: z.string().nullish(),
    end_of_word_suffix: z.string().nullish(),
    fuse_unk: z.boolean().nullish(),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    vocab: VOCABULARY,
    merges: MERGES,
  },
  Unigram: { unk_id: ID.nullish(), vocab: SCORED_VOCABULARY, byte_fallback: z.boolean().optional() },
  WordLevel: { vocab: VOCABULARY, unk_token: z.string() },
  WordPiece: {
    unk_token: z.string(),
    continuing_subword_prefix: z.string(),
    max_input_chars_per_word: z.int().min(0),
    vocab: VOCABULARY,
  },
}

const POST_PROCESSORS: Components = {
  BertProcessing: { sep: TOKEN_AND_ID, cls: TOKEN_AND_ID },
  ByteLevel: { add_prefix_space: OF_OFFSETS, trim_offsets: OF_OFFSETS, use_regex: OF_OFFSETS.optional() },
  RobertaProcessing: {
    sep: TOKEN_AND_ID,
    cls: TOKEN_AND_ID,
    trim_offsets: OF_OFFSETS,
    add_prefix_space: OF_OFFSETS,
  },
  Sequence: { processors: { listOf: 'post_processor' } },
  TemplateProcessing: {
    single: z.array(PIECE),
    /** A template for pairs of texts, which Coppice never encodes. */
    pair: z.array(PIECE),
    special_tokens: SPECIAL_TOKENS,
  },
}

/** Decoders make text of ids, which Coppice does not. The library only has to know them. */
const DECODERS: Components = {
  BPEDecoder: { suffix: WITHOUT_EFFECT },
  ByteFallback: {},
  ByteLevel: { add_prefix_space: WITHOUT_EFFECT, trim_offsets: WITHOUT_EFFECT, use_regex: WITHOUT_EFFECT },
  CTC: { pad_token: WITHOUT_EFFECT, word_delimiter_token: WITHOUT_EFFECT, cleanup: WITHOUT_EFFECT },
  Fuse: {},
  Metaspace: {
    replacement: WITHOUT_EFFECT,
    str_rep: WITHOUT_EFFECT,
    add_prefix_space: WITHOUT_EFFECT,
    prepend_scheme: WITHOUT_EFFECT,
    split: WITHOUT_EFFECT,
  },
  Replace: { pattern: WITHOUT_EFFECT, content: WITHOUT_EFFECT },
  Sequence: { decoders: { listOf: 'decoder' } },
  Strip: { content: WITHOUT_EFFECT, start: WITHOUT_EFFECT, stop: WITHOUT_EFFECT },
  WordPiece: { prefix: WITHOUT_EFFECT, cleanup: WITHOUT_EFFECT },
}

export const SECTIONS: Readonly<Record<Section, Components>> = {
  normalizer: NORMALIZERS,
  pre_tokenizer: PRE_TOKENIZERS,
  model: MODELS,
  post_processor: POST_PROCESSORS,
  decoder: DECODERS,
}

/**
 * The options of an added token. The library numbers added tokens by itself; that number is compared with `id` after
 * loading.
 */
export const ADDED_TOKEN: Readonly<Record<string, Option>> = {
  id: ID,
  content: z.string().min(1),
  single_word: z.boolean(),
  lstrip: z.boolean(),
  rstrip: z.boolean(),
  normalized: z.boolean(),
  special: z.boolean(),
}

/** Options beside the sections and `added_tokens`. Texts are neither cut nor padded: both are switched off. */
export const TOP_LEVEL: Readonly<Record<string, Option>> = {
  version: z.literal('1.0').optional(),
  truncation: WITHOUT_EFFECT,
  padding: WITHOUT_EFFECT,
}
