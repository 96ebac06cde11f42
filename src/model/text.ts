/**
 * Texts as documents, and documents as token windows. Nothing is drawn at random: the same files always give the same
 * windows. Bytes are UTF-8, line ends stay as they are.
 */
import { readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { InputError } from '../errors.ts'
import type { Windows } from './stream.ts'
import type { Encoder } from './tokenizer.ts'

/** Stands between documents that are tokenised together. */
const JOINT = '\n\n'

/** Of a token, first guess: more than tokenizers have for English, so that one try is mostly enough. */
const CHARACTERS = 5
/** Tokens before the end of what is tokenised that do not count: the end may have decided them. */
const DISTANCE = 64

/** The documents of a file: lines of a .jsonl by their key "text", pieces between separators, or the whole file. */
export function readDocuments(path: string, separator?: string): string[] {
  const content = readText(path)
  if (extname(path) === '.jsonl')
    return content.split('\n').flatMap((line, at) => (line.trim() === '' ? [] : [lineText(line, path, at)]))
  if (separator === undefined) return [content]
  return content
    .split(separator)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
}

function readText(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new InputError({
      code: 'TEXT_MISSING',
      what: `the text ${path} cannot be read`,
      hint: 'Give --text the path of a .txt or .jsonl file.',
      cause,
    })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new InputError({
      code: 'TEXT_ENCODING',
      what: `the text ${path} is not UTF-8`,
      hint: 'Convert it to UTF-8.',
      cause,
    })
  }
}

function lineText(line: string, path: string, at: number): string {
  let text: unknown
  try {
    text = (JSON.parse(line) as { text?: unknown }).text
  } catch {
    text = undefined
  }
  if (typeof text === 'string') return text
  throw new InputError({
    code: 'TEXT_JSONL',
    what: `line ${at + 1} of ${path} is no JSON object with the key "text"`,
    hint: 'A .jsonl text holds one object a line, for example {"text": "..."}.',
  })
}

export interface TextSource {
  /** For people: the file's name, or what the text is called. */
  name: string
  /** Files that are joined, or documents as they stand. */
  files?: readonly string[]
  documents?: readonly string[]
}

export function fileSource(path: string): TextSource {
  return { name: basename(path), files: [path] }
}

/**
 * The tokens of a text. Without a separator documents are joined by a blank line and tokenised once, with one BOS in
 * front if the tokenizer adds one; with a separator each document is tokenised with its own BOS.
 * @param wanted - tokens that are enough: of a longer text exactly so many from its beginning; undefined: all
 */
export async function tokenStream(
  encoder: Encoder,
  { name, files = [], documents = [] }: TextSource,
  separator?: string,
  wanted = Number.POSITIVE_INFINITY,
): Promise<Int32Array> {
  const pieces = [...documents, ...files.flatMap((path) => readDocuments(path, separator))]
  if (pieces.every((piece) => piece.trim() === '')) {
    throw new InputError({
      code: 'TEXT_EMPTY',
      what: `the text ${name} is empty`,
      hint: 'Give a text with words in it.',
    })
  }
  return separator === undefined
    ? joinedTokens(encoder, pieces.join(JOINT), wanted)
    : separateTokens(encoder, pieces, wanted)
}

/**
 * Of a long text only a beginning is tokenised, up to a blank line (measured: 3.5 s for 2.8 MB, of which calibration may
 * want a thousand tokens). What stands behind a blank line decides no token far before it.
 */
async function joinedTokens(encoder: Encoder, text: string, wanted: number): Promise<Int32Array> {
  for (let size = (wanted + DISTANCE) * CHARACTERS; size < text.length; size *= 2) {
    const end = text.indexOf(JOINT, size)
    if (end === -1) break
    const tokens = await encoder.encode([text.slice(0, end)])
    if (tokens.length >= wanted + DISTANCE) return tokens.slice(0, wanted)
  }
  return upTo(await encoder.encode([text]), wanted)
}

async function separateTokens(encoder: Encoder, documents: readonly string[], wanted: number): Promise<Int32Array> {
  const encoded: Int32Array[] = []
  for (let total = 0, at = 0; at < documents.length && total < wanted; at++) {
    encoded.push(await encoder.encode([documents[at]]))
    total += encoded[at].length
  }
  const all = new Int32Array(encoded.reduce((sum, tokens) => sum + tokens.length, 0))
  let to = 0
  for (const tokens of encoded) {
    all.set(tokens, to)
    to += tokens.length
  }
  return upTo(all, wanted)
}

function upTo(tokens: Int32Array, wanted: number): Int32Array {
  return tokens.length > wanted ? tokens.slice(0, wanted) : tokens
}

/** Consecutive windows, not overlapping; the incomplete tail is dropped. */
export function cutWindows(stream: Int32Array, length: number): Windows {
  const count = Math.floor(stream.length / length)
  return { ids: stream.slice(0, count * length), count, length }
}

/** Windows from..from+count of these. */
export function someWindows({ ids, length, targets }: Windows, from: number, count: number): Windows {
  const [first, end] = [from * length, (from + count) * length]
  return { ids: ids.slice(first, end), count, length, ...(targets && { targets: targets.slice(first, end) }) }
}

/** @throws {InputError} TEXT_SHORT: fewer windows than wanted */
export function assertEnoughWindows(name: string, stream: number, have: number, want: number, length: number): void {
  if (have >= want) return
  throw new InputError({
    code: 'TEXT_SHORT',
    what: `the text ${name} has ${stream} tokens, ${have} windows of ${length}; ${want} are needed`,
    hint: `Give a longer text (at least ${want * length} tokens), fewer windows, or shorter ones.`,
  })
}
