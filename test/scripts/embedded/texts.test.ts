import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { embeddedDocuments, embeddedTexts, heldSource, textPath } from '../../../scripts/embedded/texts.ts'
import { documentPieces } from '../../../src/model/text/documents.ts'

/** The longest stretch of a held document that stands in a training one: presidents quote each other. */
const LONGEST_SHARED = 544
const FORBIDDEN = 600
/** SHA-256 of all documents with their names, as they came from their packages. */
const DOCUMENTS = 'e30950bd1e4220d59e7cea92c46ae795d0f97139555cf7d9d8034060cfb82f93'

describe('the path of a text', () => {
  it('is a file, or an embedded text by name: what sites calibrate on, or what the model never saw', () => {
    const [, , , novel] = embeddedTexts()
    assert.equal(textPath('embedded:novel', 'training'), novel.training)
    assert.equal(textPath('embedded:novel', 'held'), novel.held)
    assert.equal(textPath('./embedded:novel', 'training'), resolve('embedded:novel'))
    assert.equal(textPath('early', 'training'), resolve('early'))
    for (const name of ['embedded:', 'embedded:x', 'embedded:../early'])
      assert.throws(() => textPath(name, 'training'), { code: 'USAGE_VALUE', message: /none of the texts/ })
  })
})

describe('texts of the embedded default', () => {
  const texts = embeddedTexts().map(({ name, training, held }) => ({
    name,
    training: embeddedDocuments(training),
    held: embeddedDocuments(held),
  }))

  it('are of four kinds, each with training and held documents', () => {
    assert.deepEqual(
      texts.map(({ name, training, held }) => ({ name, training: training.length, held: held.length })),
      [
        { name: 'early', training: 64, held: 7 },
        { name: 'middle', training: 65, held: 7 },
        { name: 'late', training: 81, held: 9 },
        { name: 'novel', training: 122, held: 13 },
      ],
    )
  })

  it('stand in order of file name, each once', () => {
    const all = texts.flatMap(({ training, held }) => [training, held].map((part) => part.map(({ file }) => file)))
    for (const files of all) assert.deepEqual(files, [...files].sort(), files[0])
    assert.equal(new Set(all.flat()).size, all.flat().length)
  })

  it('are the documents themselves, byte for byte those that the embedded model was trained and measured on', () => {
    const hash = createHash('sha256')
    for (const { training, held } of texts)
      for (const { file, text } of [...training, ...held]) hash.update(`${file}\0${text}\0`)
    assert.equal(hash.digest('hex'), DOCUMENTS)
  })

  it('are what a command reads from their files', async () => {
    for (const [at, source] of embeddedTexts().map(heldSource).entries()) {
      const read: string[] = []
      for await (const { text } of documentPieces(source.files?.[0] ?? '')) read.push(text)
      assert.deepEqual(
        read,
        texts[at].held.map(({ text }) => text),
      )
    }
  })

  it(`share no stretch of ${FORBIDDEN} characters between training and held documents`, () => {
    const held = texts.flatMap((text) => text.held.map((document) => document.text))
    const training = texts.flatMap((text) => text.training.map((document) => document.text))
    const longest = longestShared(held, training, LONGEST_SHARED)
    assert.equal(longest, LONGEST_SHARED)
    assert.ok(longest < FORBIDDEN)
  })
})

describe('the search for shared stretches', () => {
  it('finds the longest', () => {
    const shared = 'the quick brown fox jumps over the lazy dog'
    assert.equal(longestShared([`AB${shared}CD`], [`xx${shared}yy`, 'zz'], 10), shared.length)
  })

  it('finds none below the length it looks for', () => {
    assert.equal(longestShared(['abcdefgh'], ['xxabcxx'], 5), 0)
  })
})

/**
 * Characters of the longest stretch that both have, if it is at least `least`; else 0. Of the held documents every
 * `step`-th substring of `step` characters is remembered: a stretch of 2 * step - 1 characters covers one of them
 * wherever it begins, so sliding over the training documents finds it, and it is then extended both ways.
 */
function longestShared(held: readonly string[], training: readonly string[], least: number): number {
  const step = Math.floor((least + 1) / 2)
  const places = new Map<number, Array<{ text: string; at: number }>>()
  for (const text of held) {
    for (let at = 0; at + step <= text.length; at += step) {
      const [hash] = rollingHashes(text.slice(at, at + step), step)
      places.set(hash, [...(places.get(hash) ?? []), { text, at }])
    }
  }
  let longest = 0
  for (const text of training) {
    rollingHashes(text, step).forEach((hash, at) => {
      for (const place of places.get(hash) ?? []) {
        if (place.text.startsWith(text.slice(at, at + step), place.at))
          longest = Math.max(longest, extent(place.text, place.at, text, at))
      }
    })
  }
  return longest >= least ? longest : 0
}

/** The hash of every substring of this length, modulo 2^32: h * 31 + next - first * 31^length. */
function rollingHashes(text: string, length: number): Uint32Array {
  const hashes = new Uint32Array(Math.max(0, text.length - length + 1))
  let power = 1
  for (let i = 0; i < length; i++) power = Math.imul(power, 31)
  let hash = 0
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash, 31) + text.charCodeAt(i)
    if (i >= length) hash -= Math.imul(text.charCodeAt(i - length), power)
    if (i >= length - 1) hashes[i - length + 1] = hash
  }
  return hashes
}

function extent(a: string, at: number, b: string, bt: number): number {
  let before = 0
  while (before < Math.min(at, bt) && a[at - before - 1] === b[bt - before - 1]) before++
  let after = 0
  while (at + after < a.length && bt + after < b.length && a[at + after] === b[bt + after]) after++
  return before + after
}
