/**
 * Texts as documents, and documents as token windows. Nothing is drawn at random: the same files always give the same
 * windows. Bytes are UTF-8, line ends stay as they are.
 */
import { InputError } from '../../base/errors.ts'
import type { Windows } from '../../form/windows.ts'
import { again } from './bytes.ts'
import { documentPieces, type Piece, type Pieces } from './documents.ts'
import { type Chunks, concatenated, firstTokens } from './parts.ts'
import { textName } from './refusals.ts'
import type { Encoder } from './tokenizer.ts'

/** The text between documents that are tokenised together. */
const JOINT = '\n\n'

export interface TextSource {
  /** The text's name for messages: the file's name, or a name given to it. */
  name: string
  /** Files that are joined, or documents that are taken as they stand. */
  files?: readonly string[]
  documents?: readonly string[]
}

export function fileSource(path: string): TextSource {
  return filesSource([path])
}

/** Files that are one text. */
export function filesSource(files: readonly string[]): TextSource {
  return { name: files.map(textName).join(', '), files }
}

/**
 * The tokens of a text. Without a separator documents are joined by a blank line and tokenised as one, with one BOS in
 * front if the tokenizer adds one. With a separator each document is tokenised with its own BOS. Files are read, and
 * tokens made, no further than is wanted.
 * @param wanted - tokens that are enough: a longer text gives exactly this number from its beginning; undefined: all
 * @throws {InputError} TEXT_EMPTY, TEXT_UNCUT, and the codes that documentPieces throws
 */
export async function tokenStream(
  encoder: Encoder,
  source: TextSource,
  separator?: string,
  { wanted = Number.POSITIVE_INFINITY, signal }: { wanted?: number; signal?: AbortSignal } = {},
): Promise<Int32Array> {
  await using unread = piecesOf(source, separator)
  const pieces = again(await upToWords(unread, source.name), unread)
  const parts: Int32Array[] = []
  let left = wanted
  for await (const text of separator === undefined ? [joined(pieces)] : documentsOf(pieces)) {
    const tokens = await firstTokens(encoder, text, left, { name: source.name, signal })
    parts.push(tokens)
    left -= tokens.length
    if (left <= 0) break
  }
  return concatenated(parts)
}

/** The pieces of a text up to the first that is not blank. @throws {InputError} TEXT_EMPTY */
async function upToWords(pieces: Pieces, name: string): Promise<Piece[]> {
  const read: Piece[] = []
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    read.push(next.value)
    if (/\S/.test(next.value.text)) return read
  }
  throw new InputError({
    code: 'TEXT_EMPTY',
    what: `the text ${name} is empty`,
    hint: 'Give a text with words in it.',
  })
}

async function* piecesOf({ files = [], documents = [] }: TextSource, separator: string | undefined): Pieces {
  for (const text of documents) yield { text, last: true }
  for (const path of files) yield* documentPieces(path, separator)
}
/** All documents as one. */
async function* joined(pieces: Pieces): AsyncGenerator<string, void> {
  let joint = ''
  for await (const { text, last } of pieces) {
    yield joint + text
    joint = last ? JOINT : ''
  }
}

/** One document after the other. Each must be read to its end before the next. */
async function* documentsOf(pieces: Pieces): AsyncGenerator<Chunks, void> {
  for (let first = await pieces.next(); !first.done; first = await pieces.next()) yield document(first.value, pieces)
}

async function* document(first: Piece, pieces: Pieces): AsyncGenerator<string, void> {
  yield first.text
  for (let { last } = first; !last; ) {
    const next = await pieces.next()
    if (next.done) return
    yield next.value.text
    last = next.value.last
  }
}

/** Cuts tokens into consecutive windows of `length`, which do not overlap. The incomplete tail is dropped. */
export function cutWindows(stream: Int32Array, length: number): Windows {
  const count = Math.floor(stream.length / length)
  return { ids: stream.slice(0, count * length), count, length }
}

/** `count` of these windows, from window `from` on. */
export function someWindows({ ids, length, targets }: Windows, from: number, count: number): Windows {
  const [first, end] = [from * length, (from + count) * length]
  return { ids: ids.slice(first, end), count, length, ...(targets && { targets: targets.slice(first, end) }) }
}

/** All these windows, in order. They have one length, and no targets. */
export function joinedWindows(parts: readonly Windows[]): Windows {
  const [{ length }] = parts
  const ids = concatenated(parts.map((part) => part.ids))
  return { ids, count: ids.length / length, length }
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
