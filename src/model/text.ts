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
 * All tokens of a text. Without a separator documents are joined by a blank line and tokenised once, with one BOS in
 * front if the tokenizer adds one; with a separator each document is tokenised with its own BOS.
 */
export function tokenStream(
  encoder: Encoder,
  { name, files = [], documents = [] }: TextSource,
  separator?: string,
): Int32Array {
  const pieces = [...documents, ...files.flatMap((path) => readDocuments(path, separator))]
  if (pieces.every((piece) => piece.trim() === '')) {
    throw new InputError({
      code: 'TEXT_EMPTY',
      what: `the text ${name} is empty`,
      hint: 'Give a text with words in it.',
    })
  }
  return encoder.encode(separator === undefined ? [pieces.join(JOINT)] : pieces)
}

/** Consecutive windows, not overlapping; the incomplete tail is dropped. */
export function cutWindows(stream: Int32Array, length: number): Windows {
  const count = Math.floor(stream.length / length)
  return { ids: stream.slice(0, count * length), count, length }
}

/** Windows from..from+count of these. */
export function someWindows({ ids, length }: Windows, from: number, count: number): Windows {
  return { ids: ids.slice(from * length, (from + count) * length), count, length }
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
