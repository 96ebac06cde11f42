/**
 * The tokens of a text of any length, part by part, in memory and time that follow from the number of tokens asked for.
 *
 * An encoder turns a whole string into ids and does not say which characters they come from. So a text is cut, and a
 * cut is taken only where the encoder itself shows that it makes no difference. A place x in a text T is such a cut if
 * two tests hold:
 * 1. The tokens before x do not depend on the characters behind it: the tokens of T[..x] are the first of T[..x +
 * AHEAD]. Byte pairs need a bounded view ahead (Berglund and van der Merwe, "Formalizing BPE Tokenization", 2023); the
 * best paths of Unigram meet after a few words; words, and the patterns that split them, look ahead by less.
 * 2. The tokens behind x do not depend on the characters before some place c < x: tokenised from c on, the last tokens
 * before x are those of T[..x]. Two runs that agree on a boundary agree on everything behind it: no merge of byte pairs
 * and no path crosses a boundary, so both sides of it are tokenised as if alone; words and patterns go from left to
 * right.
 *
 * So the tokens of T are those of T[..x], and then those of T[c..] without the first, which are those of T[c..x].
 * Tokens that an encoder puts in front of any string (a beginning-of-text token, the mark of a word) are among the
 * latter and are dropped with them. The next part must begin with just these tokens: this is compared once more, and
 * the text is refused if it does not. Line ends play no part, so a text without any is cut like others.
 */
import { setImmediate } from 'node:timers/promises'
import { InputError } from '../../base/errors.ts'
import type { Encoder } from './tokenizer.ts'

/**
 * The number of characters before a cut and behind it that are examined: more than the tokens of known vocabularies
 * have (128), and than a word may have (100). It is a multiple of 3 and of 256, so that both ends of a context fall at
 * the same place in a run of one character, whose tokens have 2^n of them, or of groups of three digits.
 */
const CONTEXT = 768
const AHEAD = CONTEXT
/** Characters between cuts: some thousand tokens. The cost of byte pairs without words grows faster than the string. */
export const PART = 21 * CONTEXT
/**
 * The numbers of places that are tried for one cut: first ends of words, of which one in two is a cut, then any places,
 * of which one in four is.
 */
const WORD_ENDS = 16
const ANY_PLACES = 32
/**
 * The number of places that may fail the second test, which tokenises a part each time, before ends of tokens are
 * sought.
 */
const FAILURES = 2
/** The number of ends of tokens that are sought. Each search tokenises ten parts. */
const SOUGHT = 3
/**
 * The longest string in which ends of tokens are sought. In a longer one the search has failed already, and costs more.
 */
const MAX_SOUGHT = PART * 2
/**
 * The most characters that are tokenised at once where there is no cut: half a minute and a gigabyte for byte pairs.
 */
const MAX_UNCUT = 1024 * 1024
/** The factor by which the tokenised string grows while there is no cut. */
const GROWTH = 4
/** The number of tokens before the end of an uncut string that do not count: the characters behind may change them. */
const MARGIN = 64
/** Characters before a wanted cut in which ends of words are looked for. */
const SPAN = 4096
/**
 * A word and a line end. One of them stands in front of a context, so that the encoder's treatment of the beginning of
 * a string falls on it.
 */
const HEAD = { word: 'a', line: 'a\n' } as const

/** A text in pieces of any length, in order. */
export type Chunks = AsyncIterable<string> | Iterable<string>

/** The first `wanted` tokens of a text, or all if it has fewer. @throws {InputError} TEXT_UNCUT */
export async function firstTokens(
  encoder: Encoder,
  chunks: Chunks,
  wanted: number,
  { name, signal }: { name: string; signal?: AbortSignal },
): Promise<Int32Array> {
  const parts: Int32Array[] = []
  let left = wanted
  for await (const part of tokenParts(encoder, chunks, wanted, name)) {
    await setImmediate() // a signal arrives only between two turns of the event loop
    signal?.throwIfAborted()
    parts.push(part.subarray(0, left))
    left -= part.length
  }
  return concatenated(parts)
}

export function concatenated(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/**
 * The tokens of the whole text in order, one part after the other.
 * @param wanted - tokens that are enough: where there is no cut, the text is tokenised no further than these need
 * @param name - name of the text, for a refusal
 * @throws {InputError} TEXT_UNCUT: the encoder contradicts a cut that it had allowed, or needs too much at once
 */
async function* tokenParts(
  encoder: Encoder,
  chunks: Chunks,
  wanted: number,
  name: string,
): AsyncGenerator<Int32Array, void> {
  const encode: Encode = (text) => encoder.encode([text])
  const ahead = new Ahead(chunks)
  let given: Int32Array = new Int32Array() // the first tokens of the text ahead, which the part before has given
  let size = PART
  for (let left = wanted; left > 0; ) {
    const text = await ahead.begin(size + AHEAD)
    const cut = ahead.ended ? { tokens: await encode(text), rest: '', at: 0, given } : await findCut(encode, text, size)
    if (cut !== null) {
      const tokens = behind(given, cut.tokens, name)
      left -= tokens.length
      yield tokens
      if (ahead.ended) return
      ahead.goOn(cut.rest)
      given = cut.given
      size = cut.at + PART
      continue
    }
    // There is no cut. All of this text is tokenised at once, and more, unless the tokens common to two beginnings of
    // it are enough.
    const whole = await encode(text)
    const agreed = common(await encode(text.slice(0, size)), whole) - MARGIN
    if (agreed - given.length >= left) {
      yield behind(given, whole.subarray(0, agreed), name)
      return
    }
    size *= GROWTH
    if (size > MAX_UNCUT) throw uncut(name, `no place to cut it was found within ${MAX_UNCUT} characters`)
  }
}

type Encode = (text: string) => Promise<Int32Array>

interface Cut {
  /** The tokens of the text before the cut. */
  tokens: Int32Array
  /** The text behind the cut with a context in front; the place of the cut in it; and the tokens of the context. */
  rest: string
  at: number
  given: Int32Array
}

/** A cut at about `size` characters that passes both tests; null if none is found. */
async function findCut(encode: Encode, text: string, size: number): Promise<Cut | null> {
  let failed = 0
  for (const at of places(text, size)) {
    const cut = await cutAt(encode, text, at)
    if (cut instanceof Object) return cut
    if (cut === 'late' && ++failed === FAILURES) break
  }
  if (size > MAX_SOUGHT) return null
  for await (const at of boundaries(encode, text, size)) {
    const cut = await cutAt(encode, text, at)
    if (cut instanceof Object) return cut
  }
  return null
}

/**
 * The cut at a place, if it passes both tests. 'early' if it fails the first, which costs little; 'late' if it fails
 * the second.
 */
async function cutAt(encode: Encode, text: string, at: number): Promise<Cut | 'early' | 'late'> {
  const from = contextOf(text, at)
  const head = HEAD[isSpace(text[from]) ? 'word' : 'line']
  const given = await encode(head + text.slice(from, at))
  const further = await encode(head + text.slice(from, at + AHEAD))
  if (common(given, further) < given.length) return 'early'
  const tokens = await encode(text.slice(0, at))
  if (!agreeAtEnd(tokens, given, (await encode(head)).length)) return 'late'
  return { tokens, rest: head + text.slice(from), at: head.length + at - from, given }
}

/** The places that are tried for a cut: first ends of words, from behind, then places between any characters. */
function* places(text: string, size: number): Generator<number> {
  for (let at = size, tried = 0; at > size - SPAN && tried < WORD_ENDS; at--) {
    if (!isSpace(text[at]) || !/[\p{L}\p{N}]/u.test(text[at - 1])) continue
    tried++
    yield at
  }
  for (let at = size; at > size - ANY_PLACES; at--) if (!continues(text, at)) yield at
}

/**
 * The places where tokens of the whole text end, from behind. In a long run of one character all places look alike from
 * nearby, and tokens of many characters are counted from the beginning of the run. The shortest beginning of the text
 * that has a number of these tokens is found by halving.
 */
async function* boundaries(encode: Encode, text: string, size: number): AsyncGenerator<number> {
  const tokens = await encode(text.slice(0, size + AHEAD))
  let wanted = common(tokens, await encode(text.slice(0, size)))
  for (let end = size, tried = 0; tried < SOUGHT; tried++, wanted--) {
    let [few, enough] = [end - CONTEXT, end]
    while (enough - few > 1) {
      const middle = (few + enough) >> 1
      if (common(tokens, await encode(text.slice(0, middle))) >= wanted) enough = middle
      else few = middle
    }
    if (!continues(text, enough)) yield enough
    end = enough
  }
}

/** The place where the context of a cut begins: the end of a word if there is one nearby. */
function contextOf(text: string, cut: number): number {
  const start = cut - CONTEXT
  for (let at = start; at > start - CONTEXT / 2; at--) if (isSpace(text[at]) && !isSpace(text[at - 1])) return at
  return continues(text, start) ? start - 1 : start
}

/** Whether the character at this place belongs to the one before: half of a pair, or a mark that is joined to it. */
function continues(text: string, at: number): boolean {
  return /[\uDC00-\uDFFF]/.test(text[at]) || /^\p{M}/u.test(text.slice(at, at + 2))
}

function isSpace(character: string): boolean {
  return /\s/.test(character)
}

/**
 * Whether at least the second half of the `given` tokens, without the `head` in front of them, are the last of
 * `tokens`.
 */
function agreeAtEnd(tokens: Int32Array, given: Int32Array, head: number): boolean {
  const needed = Math.max(1, Math.ceil((given.length - head) / 2))
  if (needed > Math.min(tokens.length, given.length)) return false
  for (let back = 1; back <= needed; back++) if (tokens.at(-back) !== given.at(-back)) return false
  return true
}

/** The number of tokens at the beginning that are the same. */
function common(one: Int32Array, other: Int32Array): number {
  const most = Math.min(one.length, other.length)
  for (let at = 0; at < most; at++) if (one[at] !== other[at]) return at
  return most
}

function behind(given: Int32Array, tokens: Int32Array, name: string): Int32Array {
  if (common(given, tokens) === given.length) return tokens.subarray(given.length)
  throw uncut(name, 'its tokens depend on characters far after them')
}

function uncut(name: string, why: string): InputError {
  return new InputError({
    code: 'TEXT_UNCUT',
    what: `the text ${name} cannot be tokenised part by part: ${why}`,
    hint: 'Break the text into words or lines, or into documents with --separator.',
  })
}

/** A text that is read only as far as it is examined. */
class Ahead {
  ended = false
  private text = ''
  private chunk = ''
  private readonly chunks: AsyncIterator<string> | Iterator<string>

  constructor(chunks: Chunks) {
    this.chunks = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]()
  }

  /** At least `length` characters from here on. If the text has no more, there are fewer, and `ended` is true. */
  async begin(length: number): Promise<string> {
    while (this.text.length < length && !this.ended) {
      if (this.chunk === '') {
        const next = await this.chunks.next()
        if (next.done) this.ended = true
        else this.chunk = next.value
      }
      // No more than is asked for: these characters are copied with every cut.
      const taken = this.chunk.slice(0, length - this.text.length)
      this.text += taken
      this.chunk = this.chunk.slice(taken.length)
    }
    return this.text
  }

  /** Continues behind a cut. */
  goOn(rest: string): void {
    this.text = rest
  }
}
