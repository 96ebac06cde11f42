/**
 * The documents of a file, read in pieces and only as far as they are asked for. The content decides the form, and the
 * name decides where the content leaves it open: see formOf.
 */
import type { FileHandle } from 'node:fs/promises'
import { again, gunzipped, openFile, readBytes, withHead } from './bytes.ts'
import { type Characters, characters } from './characters.ts'
import { assertReadable, HEAD_BYTES, hasJsonName, isGzip } from './forms.ts'
import { type Entry, entryText, isTextObject, type JsonRefusal, jsonArray, jsonLines, MAX_JSON } from './json.ts'
import { type TextFile, textFile } from './refusals.ts'

/** A piece of a document; `last` is true if the document ends with it. */
export interface Piece {
  text: string
  last: boolean
}

export type Pieces = AsyncGenerator<Piece, void>

/**
 * The documents of a file: the texts of JSON lines or of a JSON array. The documents of a plain text are the parts
 * between separators, without white space around them; without a separator the whole text is one document, as it
 * stands.
 * @throws {InputError} TEXT_MISSING, TEXT_UNREADABLE, TEXT_PACKED, TEXT_FORM, TEXT_ENCODING, TEXT_JSONL, TEXT_LONG_LINE
 */
export async function* documentPieces(path: string, separator?: string): Pieces {
  const file = textFile(path)
  await using handle = await openFile(file)
  const text = await readCharacters(file, handle)
  const { form, all } = await formOf(file, text)
  if (form === 'plain') {
    yield* separator === undefined ? whole(all) : trimmed(separated(all, separator))
    return
  }
  for await (const entry of form === 'lines' ? jsonLines(file, all) : jsonArray(file, all))
    yield { text: entryText(file, entry), last: true }
}

/**
 * The entries of a file that holds nothing but JSON, one array or lines; its name plays no part.
 * @throws {InputError} TEXT_MISSING, TEXT_UNREADABLE, TEXT_PACKED, TEXT_FORM, TEXT_ENCODING, TEXT_LONG_LINE, and the
 * refusal's
 */
export async function* jsonEntries(file: TextFile, refusal: JsonRefusal): AsyncGenerator<Entry, void> {
  await using handle = await openFile(file)
  const text = await readCharacters(file, handle)
  const { first, read } = await firstLine(text, true)
  const all = again(read, text)
  yield* first.startsWith('[') ? jsonArray(file, all, refusal) : jsonLines(file, all, refusal)
}

/** The characters of a file, unpacked if it is packed with gzip. */
async function readCharacters(file: TextFile, handle: FileHandle): Promise<Characters> {
  const outer = await withHead(readBytes(file, handle), HEAD_BYTES)
  const { head, all } = isGzip(outer.head) ? await withHead(gunzipped(file, outer.all), HEAD_BYTES) : outer
  assertReadable(file, head)
  return characters(file, all)
}

type TextForm = 'plain' | 'lines' | 'array'

/**
 * Decides the form of a text. Under a name of JSON, `[` begins an array; anything else begins lines. Under any other
 * name a text is plain, with two exceptions: its first line (blank ones aside) is a JSON object with a string under the
 * key "text", which makes it JSON lines; or it begins as an array of such objects does. A plain text may begin with any
 * other brace or bracket.
 */
async function formOf(file: TextFile, text: Characters): Promise<{ form: TextForm; all: Characters }> {
  const { first, read } = await firstLine(text, hasJsonName(file))
  const all = again(read, text)
  if (hasJsonName(file)) return { form: first.startsWith('[') ? 'array' : 'lines', all }
  if (isTextObject(first)) return { form: 'lines', all }
  const head = read.join('').trimStart().slice(0, HEAD_BYTES)
  return { form: OBJECTS.test(head) && TEXT_KEY.test(head) ? 'array' : 'plain', all }
}

const OBJECTS = /^\[\s*\{\s*"/
const TEXT_KEY = /"text"\s*:\s*"/

/**
 * The first line that is not blank, without the white space in front, and all that was read to find it. Only a line
 * that begins with a brace is read to its end.
 * @param begun - whether the beginning of the line is enough in any case
 */
async function firstLine(text: Characters, begun: boolean): Promise<{ first: string; read: string[] }> {
  const read: string[] = []
  const line: string[] = []
  for (let size = 0; size <= MAX_JSON; ) {
    const next = await text.next()
    if (next.done) break
    read.push(next.value)
    const part = line.length === 0 ? next.value.trimStart() : next.value
    if (part === '') continue
    const end = part.indexOf('\n')
    line.push(end === -1 ? part : part.slice(0, end))
    size += part.length
    if (end !== -1 || begun || !line[0].startsWith('{')) break
  }
  return { first: line.join(''), read }
}

async function* whole(text: Characters): Pieces {
  for await (const part of text) yield { text: part, last: false }
  yield { text: '', last: true }
}

/** The parts of a text between separators. */
async function* separated(text: Characters, separator: string): Pieces {
  let rest = ''
  for await (const part of text) {
    rest += part
    let from = 0
    for (let at = rest.indexOf(separator); at !== -1; at = rest.indexOf(separator, from)) {
      yield { text: rest.slice(from, at), last: true }
      from = at + separator.length
    }
    // The end of `rest` may be the beginning of a separator.
    const safe = Math.max(from, rest.length - separator.length + 1)
    yield { text: rest.slice(from, safe), last: false }
    rest = rest.slice(safe)
  }
  yield { text: rest, last: true }
}

/** Documents without white space around them. Documents of nothing but white space are left out. */
async function* trimmed(pieces: Pieces): Pieces {
  let begun = false
  let held: string[] = [] // white space that may be the end of the document
  for await (const { text, last } of pieces) {
    const started = begun ? text : text.trimStart()
    const body = started.trimEnd()
    if (body !== '') {
      yield { text: held.join('') + body, last: false }
      begun = true
      held = []
    }
    held.push(started.slice(body.length))
    if (!last) continue
    if (begun) yield { text: '', last: true }
    begun = false
    held = []
  }
}
