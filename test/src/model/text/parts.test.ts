import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { firstTokens, PART } from '../../../../src/model/text/parts.ts'
import type { Encoder } from '../../../../src/model/text/tokenizer.ts'
import { KINDS } from '../../../support/models/made-tokenizers.ts'
import { hostileText } from './hostile-texts.ts'

const NAME = { name: 'text' }

/** An encoder of one id a character that each depend on something else as well. */
const made = (idOf: (text: string, at: number) => number): Encoder => ({
  encode: async ([text]) => Int32Array.from({ length: text.length }, (_, at) => idOf(text, at)),
})

/** Counts the characters that are tokenised. */
function counted(encoder: Encoder): { encoder: Encoder; characters: () => number } {
  let characters = 0
  const encode = (texts: readonly string[]) => {
    characters += texts.reduce((sum, { length }) => sum + length, 0)
    return encoder.encode(texts)
  }
  return { encoder: { encode }, characters: () => characters }
}

describe('the tokens of a text, part by part', () => {
  for (const [name, open] of Object.entries(KINDS)) {
    it(`are those of the whole: ${name}`, async () => {
      const encoder = await open()
      const length = fc.integer({ min: 1, max: 20_000 })
      await fc.assert(
        fc.asyncProperty(hostileText, length, length, async (text, wanted, chunk) => {
          const whole = await encoder.encode([text])
          const chunks = Array.from({ length: Math.ceil(text.length / chunk) }, (_, k) =>
            text.slice(k * chunk, (k + 1) * chunk),
          )
          const all = await firstTokens(encoder, chunks, Number.POSITIVE_INFINITY, NAME)
          assert.deepEqual(all, whole)
          assert.deepEqual(await firstTokens(encoder, chunks, wanted, NAME), whole.slice(0, wanted))
        }),
        { numRuns: 2, seed: 20_261_127 },
      )
    })
  }

  const prose = 'To coppice a wood is to cut many trees back together.\n\nThey grow again.\n\n'.repeat(3000)
  for (const name of [
    'byte pairs of words (GPT-2)',
    'SentencePiece, byte pairs (LLaMA)',
    'Unigram (T5)',
    'WordPiece (BERT)',
  ]) {
    it(`cost only the tokens that are wanted, whatever the line ends: ${name}`, async () => {
      const opened = await KINDS[name]()
      for (const [ends, text] of Object.entries({
        LF: prose,
        'CR LF': prose.replaceAll('\n', '\r\n'),
        CR: prose.replaceAll('\n', '\r'),
        'single LF': prose.replaceAll('\n\n', '\n'),
        'blank lines of a space': prose.replaceAll('\n\n', '\n \n'),
        'paragraph separators': prose.replaceAll('\n\n', '\u2029'),
        'one line': prose.replaceAll('\n\n', ' '),
        'no white space': prose.replaceAll(/\s/g, ''),
      })) {
        const { encoder, characters } = counted(opened)
        const tokens = await firstTokens(encoder, [text], 1024, NAME)
        // WordPiece knows a word of any length as one unknown token, so that there are fewer.
        if (tokens.length < 1024) assert.ok(name.startsWith('WordPiece') && !/\s/.test(text), ends)
        else assert.ok(characters() < 2 * PART, `${ends}: ${characters()} characters`)
      }
    })
  }

  it('are read no further than they are wanted', async () => {
    let read = 0
    function* endless() {
      for (;;) {
        read++
        yield 'A wood grows again. '
      }
    }
    const tokens = await firstTokens(await KINDS['byte pairs of words (GPT-2)'](), endless(), 5000, NAME)
    assert.equal(tokens.length, 5000)
    assert.ok(read * 20 < 3 * PART, `${read * 20} characters`)
  })

  it('are as many as are wanted where there is no cut, if two beginnings agree on them', async () => {
    // The last ten tokens of a string always say how long it is.
    const encoder = made((text, at) => (at < text.length - 10 ? text.charCodeAt(at) : text.length))
    const tokens = await firstTokens(encoder, ['a'.repeat(10 * PART)], 100, NAME)
    assert.deepEqual(tokens, new Int32Array(100).fill(97))
  })

  it('are refused where a tokenizer takes a long text only at once, or contradicts itself', async () => {
    const long = 'wood '.repeat(400_000)
    const refused = { code: 'TEXT_UNCUT', message: /^the text text cannot be tokenised part by part: / }
    const whole = made((text) => text.length)
    await assert.rejects(firstTokens(whole, [long], 10, NAME), refused)
    const late = made((text, at) => (text.length > PART + 500 ? 1 : text.charCodeAt(at)))
    await assert.rejects(firstTokens(late, [long], 100_000, NAME), refused)
  })
})
