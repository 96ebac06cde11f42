/** Readers of option values. Each is strict, and its refusal names the option, the given text and the expected form. */
import { PPM, parsePpm } from '../../src/base/decimal.ts'
import { UsageError } from '../../src/base/errors.ts'
import type { SparsityTarget } from '../../src/form/method.ts'

/** Turns the text after an option into its value. @throws {UsageError} USAGE_VALUE */
type Reader<T> = (text: string) => T

/** @throws {UsageError} USAGE_VALUE, always */
function refuseValue(flag: string, text: string, expected: string, hint = `Give ${flag} ${expected}.`): never {
  throw new UsageError({
    code: 'USAGE_VALUE',
    what: `${flag} ${JSON.stringify(text)}: expected ${expected}`,
    hint,
  })
}

/** A whole number in decimal digits, from min to max. */
export function wholeNumber(flag: string, min: number, max: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : refuseValue(flag, text, `a whole number ${range}`)
  }
}

interface ShareRange {
  /** In ppm, inclusive. */
  min: number
  max: number
  /** The range in words. */
  words: string
  /** A share that people ask for, in words and as it is given. */
  example: readonly [words: string, share: string]
}

/** 0 keeps everything; 1 would leave nothing. */
export const SPARSITY: ShareRange = {
  min: 0,
  max: 999_999,
  words: 'at least 0 and below 1',
  example: ['half of the weights', '0.5'],
}
/** The range of a share of heads and channels. */
export const RATIO: ShareRange = { min: 1, max: 999_999, words: 'above 0 and below 1', example: ['a quarter', '0.25'] }
/** The range of a share of blocks or of mask bits; 0 is not allowed. */
export const PROPER_SHARE: ShareRange = {
  min: 1,
  max: 1_000_000,
  words: 'above 0 and at most 1',
  example: ['a half', '0.5'],
}

/** A decimal of at most 6 places, as parts per million; it is never read as a double. */
export function share(flag: string, { min, max, words, example }: ShareRange): Reader<number> {
  const expected = `a decimal ${words}, of at most 6 places`
  const hint = `For ${example[0]}: ${flag} ${example[1]}`
  return (text) => {
    let ppm: number
    try {
      ppm = parsePpm(text)
    } catch (error) {
      if (error instanceof RangeError) return refuseValue(flag, text, expected, hint)
      throw error
    }
    return ppm >= min && ppm <= max ? ppm : refuseValue(flag, text, expected, hint)
  }
}

/** A factor from 1 to `most`, a decimal of at most 6 places, as parts per million. */
export function factor(flag: string, most: number): Reader<number> {
  return (text) => {
    const [, units, places = ''] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? []
    const ppm = Number(units) * PPM + Number(places.padEnd(6, '0'))
    return ppm >= PPM && ppm <= most * PPM ? ppm : refuseValue(flag, text, `a decimal from 1 to ${most}, such as 1.5`)
  }
}

/** Shares separated by commas: 1,0.5,0.25. */
export function shares(flag: string, range: ShareRange): Reader<number[]> {
  const one = share(flag, range)
  return (text) => text.split(',').map(one)
}

/** A finite number above 0, such as 16, 0.5 or 1e-4. */
export function decimal(flag: string): Reader<number> {
  return (text) => {
    const value = /^\d{1,9}(\.\d{1,9})?(e[+-]?\d{1,2})?$/i.test(text) ? Number(text) : Number.NaN
    return value > 0 && Number.isFinite(value) ? value : refuseValue(flag, text, 'a number above 0, such as 1e-4')
  }
}

/** Seconds with at most 3 decimal places, as milliseconds. */
export function seconds(flag: string, maxMs: number): Reader<number> {
  return (text) => {
    const [, whole, places = ''] = /^(\d{1,9})(?:\.(\d{1,3}))?$/.exec(text) ?? []
    const ms = whole === undefined ? Number.NaN : Number(whole) * 1000 + Number(places.padEnd(3, '0'))
    return ms <= maxMs ? ms : refuseValue(flag, text, `seconds, at most ${maxMs / 1000}`)
  }
}

/** A:B, the numbers from A up to B, which is not one of them. */
export function range(flag: string): Reader<[from: number, to: number]> {
  return (text) => {
    const [, from, to] = /^(\d{1,6}):(\d{1,6})$/.exec(text) ?? []
    const good = from !== undefined && Number(from) < Number(to)
    return good ? [Number(from), Number(to)] : refuseValue(flag, text, 'A:B with A below B, such as 4:26')
  }
}

/** N:M, N zeros among M consecutive weights. */
export function pattern(flag: string, maxM: number): Reader<SparsityTarget> {
  return (text) => {
    const [, first, second] = /^(\d{1,4}):(\d{1,4})$/.exec(text) ?? []
    const [n, m] = [Number(first), Number(second)]
    const good = n >= 1 && n < m && m <= maxM
    return good ? { kind: 'pattern', n, m } : refuseValue(flag, text, `N:M with 1 <= N < M <= ${maxM}, such as 2:4`)
  }
}

/** One of these words. */
export function oneOf<const Word extends string>(flag: string, words: readonly Word[]): Reader<Word> {
  return (text) => words.find((word) => word === text) ?? refuseValue(flag, text, `one of ${words.join(', ')}`)
}

/** Some of these words separated by commas, or `none` for an empty list. */
export function someOf<const Word extends string>(flag: string, words: readonly Word[], none: string): Reader<Word[]> {
  const one = oneOf(flag, words)
  return (text) => {
    if (text === none) return []
    const chosen = text.split(',')
    if (chosen.some((word) => !words.some((known) => known === word)))
      return refuseValue(flag, text, `${words.join(',')}, some of them, or ${none}`)
    return [...new Set(chosen.map(one))]
  }
}

/** Any text that is not empty: an empty separator or path is a slip of the shell. */
export function notEmpty(flag: string, what: string): Reader<string> {
  return (text) => (text === '' ? refuseValue(flag, text, what) : text)
}

/** @throws {UsageError} USAGE_MISSING */
export function refuseMissing(flag: string, command: string, hint: string): never {
  throw new UsageError({ code: 'USAGE_MISSING', what: `${flag} is missing, coppice ${command} needs it`, hint })
}

/** @throws {UsageError} USAGE_CONFLICT */
export function refuseConflict(what: string, hint: string): never {
  throw new UsageError({ code: 'USAGE_CONFLICT', what, hint })
}
