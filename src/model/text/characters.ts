/** UTF-8 as characters. Bytes that are not UTF-8 are refused with their place. */
import type { InputError } from '../../base/errors.ts'
import type { TextBytes } from './bytes.ts'
import { otherEncoding, type TextFile } from './refusals.ts'

export type Characters = AsyncGenerator<string, void>

const BYTE_ORDER_MARK = '\uFEFF'
const NEWLINE = 0x0a

/**
 * The characters of a file, without the byte-order mark in front. No piece of them ends in the middle of a character.
 * @throws {InputError} TEXT_ENCODING
 */
export async function* characters(file: TextFile, bytes: TextBytes): Characters {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest: Buffer = Buffer.alloc(0)
  let [before, lines] = [0, 1]
  for await (const read of bytes) {
    const chunk = rest.length === 0 ? read : Buffer.concat([rest, read])
    const whole = chunk.subarray(0, chunk.length - begunCharacter(chunk))
    rest = chunk.subarray(whole.length)
    let text: string
    try {
      text = decoder.decode(whole)
    } catch {
      throw invalid(file, before, lines, whole)
    }
    if (before === 0 && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1)
    before += whole.length
    lines += newlines(whole)
    if (text !== '') yield text
  }
  if (rest.length > 0)
    throw otherEncoding(
      file,
      'ends in the middle of a character',
      'The file is cut short or is not UTF-8. Copy it again.',
    )
}

/** The number of bytes at the end, at most 3, that begin a longer character. */
function begunCharacter(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0
    if (byte < 0x80) return 0
  }
  return 0
}

function newlines(bytes: Buffer): number {
  let found = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) found++
  return found
}

/**
 * @param before - number of bytes of the file before these
 * @param lines - number of lines begun before them
 */
function invalid(file: TextFile, before: number, lines: number, bytes: Buffer): InputError {
  const at = firstInvalid(bytes)
  const line = lines + newlines(bytes.subarray(0, at))
  return otherEncoding(
    file,
    `is not UTF-8: byte ${before + at + 1}, in line ${line}, begins no character`,
    'Convert it; if it is Latin-1 or Windows-1252: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW',
  )
}

/** The index of the first byte that begins no valid character, found by halving. */
function firstInvalid(bytes: Buffer): number {
  let [valid, wrong] = [0, bytes.length]
  while (wrong - valid > 1) {
    const middle = (valid + wrong) >> 1
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true })
      valid = middle
    } catch {
      wrong = middle
    }
  }
  return valid - begunCharacter(bytes.subarray(0, valid))
}
