/**
 * Hostile input by the thousand: mutations drawn from a seed, and what each of them may lead to, which is success or a
 * refusal of exit 3 in two lines. A failure names seed, number and mutation, so that it can be made again alone.
 */
import { endingOf } from '../../scripts/terminal/refusal.ts'
import { EXIT } from '../../src/base/errors.ts'
import { Random } from '../support/random.ts'

/**
 * One attempt may take so much processor time, which other work on the machine does not change: nobody waits longer.
 */
export const LONGEST_MS = 2000
/** Resident memory may grow by so much over all attempts after the first tenth: V8's own swings are smaller. */
const GROWTH_BYTES = 192 * 2 ** 20

/** A content that was changed, and the change in words for the person who reads a failure. */
export interface Mutation<T> {
  what: string
  content: T
}

export class Chance extends Random {
  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** One of a list that is not empty. */
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }
}

export interface Fuzz {
  seed: number
  /** How many mutations. */
  count: number
  /** The first one, to make a failure again; default: 0. */
  from?: number
  /** Memory, and processor time so far in milliseconds, of what tries; default: of this process. */
  residentBytes?: () => number
  processorMs?: () => number
  /** Mutates and tries one input: the promise's rejection, or its success, is what is judged. */
  attempt(chance: Chance, tell: (what: string) => void): unknown
}

export interface FuzzCounts {
  accepted: number
  /** Numbers of refusals, by code. */
  refused: Map<string, number>
  longestMs: number
  grownBytes: number
}

/**
 * @throws {Error} an attempt that ends otherwise than with success or a refusal of exit 3, takes too long, or keeps
 * memory
 */
export async function fuzz({
  seed,
  count,
  from = 0,
  residentBytes = ownBytes,
  processorMs = ownMs,
  attempt,
}: Fuzz): Promise<FuzzCounts> {
  const counts: FuzzCounts = { accepted: 0, refused: new Map(), longestMs: 0, grownBytes: 0 }
  let settled = 0
  for (let number = from; number < from + count; number++) {
    let what = 'nothing told'
    const place = () => `seed ${seed}, mutation ${number}: ${what}`
    const start = processorMs()
    let slow = ''
    try {
      await attempt(new Chance(seed * 1_000_003 + number * 7919), (told) => (what = told))
      counts.accepted++
    } catch (error) {
      const fault = faultOf(error)
      if (fault !== null) throw new Error(`${place()}\n${fault}`, { cause: error })
      const { code } = error as { code: string }
      counts.refused.set(code, (counts.refused.get(code) ?? 0) + 1)
      slow = ` (${code})`
    }
    const ms = processorMs() - start
    if (ms > LONGEST_MS) throw new Error(`${place()}\nit took ${Math.round(ms)} ms${slow}`)
    counts.longestMs = Math.max(counts.longestMs, ms)
    if (number === from + Math.floor(count / 10)) settled = residentBytes()
  }
  counts.grownBytes = residentBytes() - settled
  if (counts.grownBytes > GROWTH_BYTES) throw new Error(`seed ${seed}: ${counts.grownBytes} bytes more than at first`)
  return counts
}

/**
 * null if an error is a refusal of exit 3 in two lines that a terminal shows as they are, else what is wrong with it.
 */
export function faultOf(error: unknown): string | null {
  const { exit, text } = endingOf(error)
  if (exit !== EXIT.input) return `exit ${exit} where ${EXIT.input} is right:\n${text}`
  const lines = text.split('\n')
  const isTwo = lines.length === 3 && lines[2] === '' && lines[0].startsWith('coppice: ') && lines[1] !== ''
  if (!isTwo) return `not two lines:\n${JSON.stringify(text)}`
  if (CONTROL.test(text.replaceAll('\n', ''))) return `control characters:\n${JSON.stringify(text)}`
  return null
}

/** C0, DEL and C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

function ownMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function ownBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss
}

/** Flips, cuts, repeats, moves or overwrites some bytes. */
export function mutateBytes(chance: Chance, bytes: Uint8Array): Mutation<Uint8Array> {
  const at = chance.below(bytes.length)
  const length = 1 + chance.below(chance.of([1, 8, 64, 4096]))
  const stretch = bytes.subarray(at, at + length)
  const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at + length)]
  switch (chance.below(6)) {
    case 0: {
      const content = Uint8Array.from(bytes)
      content[at] ^= 1 << chance.below(8)
      return { what: `a bit of byte ${at} flipped`, content }
    }
    case 1:
      return { what: `cut short at byte ${at}`, content: Uint8Array.from(before) }
    case 2:
      return { what: `${length} bytes from ${at} on dropped`, content: joined(before, behind) }
    case 3:
      return { what: `${length} bytes from ${at} on twice`, content: joined(before, stretch, stretch, behind) }
    case 4: {
      const noise = Uint8Array.from({ length }, () => chance.below(256))
      return { what: `${length} bytes from ${at} on overwritten by chance`, content: joined(before, noise, behind) }
    }
    default: {
      const byte = chance.of([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x5c])
      const content = joined(before, new Uint8Array(length).fill(byte), behind)
      return { what: `${length} bytes from ${at} on overwritten by ${byte}`, content }
    }
  }
}

function joined(...pieces: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces))
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** JSON that readers seldom expect, as text: JSON.stringify would not write all of it. */
const ODD_JSON = [
  ...['null', 'true', 'false', '0', '-1', '1.5', '1e400', '-1e400', '1e-400', '-0', '2147483648', '9007199254740993'],
  ...['123456789012345678901234567890', '""', '" "', '"\\u0000"', '"\\ud800"', '"\\n\\u001b[31m"', '"__proto__"'],
  ...['[]', '{}', '[null]', '[[]]', '{"":null}', '{"__proto__":{"a":1}}', '{"toString":1}', '["a",1,null]', '"1"'],
  `${'['.repeat(3000)}${']'.repeat(3000)}`,
  `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`,
  `"${'x'.repeat(100_000)}"`,
]

/** Changes one to three places of a JSON document: types, keys, order, doubles, odd values, or its bytes. */
export function mutateJson(chance: Chance, text: string): Mutation<string> {
  if (chance.below(10) === 0) {
    const { what, content } = mutateBytes(chance, Buffer.from(text))
    return { what, content: Buffer.from(content).toString('latin1') }
  }
  if (chance.below(40) === 0) {
    const content = chance.of(ODD_JSON)
    return { what: `all of it ${content.slice(0, 40)}`, content }
  }
  const holder: { root: Json } = { root: JSON.parse(text) as Json }
  const odd: string[] = []
  const told: string[] = []
  for (let left = 1 + chance.below(3); left > 0; left--) told.push(changePlace(chance, holder, odd))
  const content = JSON.stringify(holder.root) ?? ''
  return { what: told.join('; '), content: content.replace(/"⟦(\d+)⟧"/g, (_, k) => odd[Number(k)]) }
}

/** A place of a document: the array or object that holds it, and its key there. */
interface Place {
  holder: Json[] | { [key: string]: Json }
  key: string
  path: string
}

function changePlace(chance: Chance, document: { root: Json }, odd: string[]): string {
  const place = drawPlace(chance, document)
  const { key, path } = place
  const holder = place.holder as { [key: string]: Json }
  const value = holder[key]
  switch (chance.below(7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else delete holder[key]
      return `${path} gone`
    case 1: {
      const other = drawPlace(chance, document)
      holder[key] = structuredClone((other.holder as { [key: string]: Json })[other.key])
      return `${path} is what ${other.path} was`
    }
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 0, structuredClone(value))
      else holder[`${key}_`] = value
      return `${path} twice`
    case 3:
      if (typeof value === 'number') {
        holder[key] = chance.of([-value, value + 1, value - 1, value * 2, value / 2, value * 1e6, 0])
        return `${path} is ${holder[key]}`
      }
      if (typeof value === 'string') {
        holder[key] = chance.of([value.toUpperCase(), value.slice(1), value + value, [...value].reverse().join('')])
        return `${path} is ${JSON.stringify(holder[key]).slice(0, 60)}`
      }
      if (Array.isArray(value)) {
        value.reverse()
        return `${path} reversed`
      }
      holder[key] = [value]
      return `${path} in an array`
    case 4:
      holder[key] = chance.below(2) === 0 ? [value] : { [key]: value }
      return `${path} one level deeper`
    default: {
      const content = chance.of(ODD_JSON)
      holder[key] = `⟦${odd.length}⟧`
      odd.push(content)
      return `${path} is ${content.slice(0, 40)}`
    }
  }
}

/** Down from the root: the higher, the likelier, since most of a large document is one list. */
function drawPlace(chance: Chance, document: { root: Json }): Place {
  let place: Place = { holder: document, key: 'root', path: 'root' }
  for (;;) {
    const value = (place.holder as { [key: string]: Json })[place.key]
    if (value === null || typeof value !== 'object') return place
    const keys = Object.keys(value)
    if (keys.length === 0 || (place.key !== 'root' && chance.below(4) === 0)) return place
    const key = chance.of(keys)
    place = { holder: value, key, path: `${place.path}.${key}` }
  }
}
