/** Texts in JSON: one object a line, or one array of objects or strings. */
import { InputError } from '../../base/errors.ts'
import type { Characters } from './characters.ts'
import { escaped, type TextFile } from './refusals.ts'

/**
 * The most characters of a line, or of a whole array, that are read at once. JSON.parse needs all of them, and as many
 * again for its result; the longest documents of public collections (whole books) have some millions.
 */
export const MAX_JSON = 128 * 1024 * 1024

/** One value of a JSON text, an element of an array or a line, and its place. */
export interface Entry {
  value: unknown
  /** The place in words: "line 3", "element 3". */
  place: string
}

const LINES = 'One JSON object a line, for example {"text": "..."}; to convert other JSON: jq -c . FILE > NEW.jsonl'

/** The code and hint of a refusal of JSON that is not understood. Texts and instructions have codes of their own. */
export interface JsonRefusal {
  code: string
  hint: string
}

const TEXT_JSON: JsonRefusal = { code: 'TEXT_JSONL', hint: LINES }

/** The values of JSON lines; blank lines are skipped. @throws {InputError} TEXT_LONG_LINE, and the refusal's */
export async function* jsonLines(file: TextFile, text: Characters, refusal = TEXT_JSON): AsyncGenerator<Entry, void> {
  let number = 0
  for await (const line of lines(file, text)) {
    number++
    if (line.trim() === '') continue
    const place = `line ${number}`
    // Files with byte-order marks that were concatenated have such marks in front of later lines.
    yield { value: parsed(file, line.replace(/^\uFEFF/, ''), place, refusal), place }
  }
}

/** The elements of one JSON array. @throws {InputError} TEXT_LONG_LINE, and the refusal's */
export async function* jsonArray(file: TextFile, text: Characters, refusal = TEXT_JSON): AsyncGenerator<Entry, void> {
  const parts: string[] = []
  let size = 0
  for await (const part of text) {
    size += part.length
    if (size > MAX_JSON) throw tooLong(file, 'one JSON array', 'Make lines of it: jq -c ".[]" FILE > NEW.jsonl')
    parts.push(part)
  }
  const value = parsed(file, parts.join(''), 'the array', refusal)
  if (!Array.isArray(value)) throw wrong(file, 'the array', 'is no valid JSON', refusal)
  for (const [at, element] of value.entries()) yield { value: element, place: `element ${at + 1}` }
}

/**
 * The text of an entry. Half characters (a lone \ud800), which UTF-8 cannot hold, become U+FFFD. @throws {InputError}
 * TEXT_JSONL
 */
export function entryText(file: TextFile, { value, place }: Entry): string {
  if (typeof value === 'string' && place.startsWith('element')) return value.toWellFormed()
  if (!isRecord(value)) throw wrong(file, place, `is ${kind(value)}, and no object with the key "text"`)
  if (!Object.hasOwn(value, 'text')) throw wrong(file, place, `has no key "text"${keysOf(value)}`)
  if (typeof value.text !== 'string') throw wrong(file, place, `has a key "text", but that is ${kind(value.text)}`)
  return value.text.toWellFormed()
}

/** Whether a line shows that a file of any name is a text in JSON: an object with a string under "text". */
export function isTextObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json)
    return isRecord(value) && typeof value.text === 'string'
  } catch {
    return false
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function wrong({ subject }: TextFile, place: string, what: string, { code, hint } = TEXT_JSON): InputError {
  return new InputError({ code, what: `${subject}: ${place} ${what}`, hint })
}

function parsed(file: TextFile, json: string, place: string, refusal: JsonRefusal): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw wrong(file, place, 'is no valid JSON', refusal)
  }
}

function tooLong({ subject }: TextFile, what: string, hint: string): InputError {
  const limit = `${MAX_JSON / 1024 / 1024} million characters`
  return new InputError({ code: 'TEXT_LONG_LINE', what: `${subject} has ${what} of more than ${limit}`, hint })
}

/** Lines without their ends. */
async function* lines(file: TextFile, text: Characters): Characters {
  let begun: string[] = []
  let size = 0
  for await (const part of text) {
    let from = 0
    for (let end = part.indexOf('\n'); end !== -1; end = part.indexOf('\n', from)) {
      yield begun.join('') + part.slice(from, end)
      begun = []
      size = 0
      from = end + 1
    }
    size += part.length - from
    if (size > MAX_JSON) throw tooLong(file, 'a line', 'Split its document into several lines.')
    begun.push(part.slice(from))
  }
  if (size > 0) yield begun.join('')
}

function kind(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** The number of keys in a message: enough to see under which one the text is. */
const KEYS_SHOWN = 5
const KEY_LENGTH = 30

function keysOf(value: Record<string, unknown>): string {
  const keys = Object.keys(value).slice(0, KEYS_SHOWN)
  return keys.length === 0 ? '' : ` (it has ${keys.map((key) => `"${escaped(key.slice(0, KEY_LENGTH))}"`).join(', ')})`
}
