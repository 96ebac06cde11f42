import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EMBEDDED_MODEL } from '../../../../scripts/paths.ts'
import { PART } from '../../../../src/model/text/parts.ts'
import { cutWindows, joinedWindows, someWindows, tokenStream } from '../../../../src/model/text/text.ts'
import { type Encoder, openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { fixturePath } from '../../../support/shared.ts'

/** Byte pairs of words, and SentencePiece's, which know no words. */
const TOKENIZERS = [
  ['words', await openTokenizer(EMBEDDED_MODEL)],
  ['SentencePiece', await openTokenizer(fixturePath('stories260k'))],
] as const

const WORDS = [
  'a',
  'wood',
  'is',
  'cut,',
  'and',
  'grows',
  'again.',
  'Many',
  'years',
  '1851',
  'trees;',
  'déjà',
  '—',
  '\n',
  '  ',
]
const paragraph = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 30 }).map((words) => words.join(' '))
const documents = fc.array(paragraph, { minLength: 1, maxLength: 40 }).filter((texts) => texts.join('').trim() !== '')

/** Counts what is tokenised. */
function counting(encoder: Encoder): Encoder & { characters: number } {
  return {
    characters: 0,
    encode(texts) {
      this.characters += texts.reduce((sum, { length }) => sum + length, 0)
      return encoder.encode(texts)
    },
  }
}

describe('the beginning of a text', () => {
  for (const [name, encoder] of TOKENIZERS) {
    for (const separator of [undefined, '\0']) {
      it(`has the tokens of the whole text: ${name}, ${separator === undefined ? 'joined' : 'separate'}`, async () => {
        await fc.assert(
          fc.asyncProperty(documents, fc.integer({ min: 1, max: 400 }), async (texts, wanted) => {
            const source = { name: 'text', documents: texts }
            const whole = await encoder.encode(separator === undefined ? [texts.join('\n\n')] : texts)
            assert.deepEqual(await tokenStream(encoder, source, separator), whole)
            assert.deepEqual(await tokenStream(encoder, source, separator, { wanted }), whole.slice(0, wanted))
          }),
          { numRuns: 60 },
        )
      })
    }
  }

  it('is all that is tokenised of a long text', async () => {
    const [, [, encoder]] = TOKENIZERS
    const long = 'To coppice a wood is to cut many trees back together.\n\n'.repeat(20_000)
    for (const [source, separator] of [
      [{ name: 'text', documents: [long] }, undefined],
      [{ name: 'text', documents: [long.replaceAll(/\s/g, '')] }, undefined],
      [{ name: 'text', documents: long.split('\n\n').filter((text) => text !== '') }, '\0'],
    ] as const) {
      const counted = counting(encoder)
      assert.equal((await tokenStream(counted, source, separator, { wanted: 100 })).length, 100)
      assert.ok(counted.characters < 2 * PART, `${counted.characters}`)
    }
  })
})

describe('windows of several texts', () => {
  it('are joined in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(9), { maxLength: 8 }), (length, cuts) => {
        const all = cutWindows(
          Int32Array.from({ length: 9 * length }, (_, token) => token),
          length,
        )
        const places = [0, ...cuts.toSorted(), 9]
        const parts = places.slice(1).map((end, i) => someWindows(all, places[i], end - places[i]))
        assert.deepEqual(joinedWindows(parts), all)
      }),
    )
  })
})
