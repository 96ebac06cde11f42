/**
 * Texts on which tokenizers and cuts disagree most easily: long runs, no words, marks, halves, signs before line ends.
 */
import fc from 'fast-check'

const PROSE =
  'To coppice a wood is to cut many trees back together, so that all of them grow again. In 1851, 12345 trees;'
const BITS = [
  PROSE,
  'wood',
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\n\n',
  '\r',
  '\u2029',
  '\u00a0',
  '.\n',
  '?!\r\n\r\n',
  "it's",
  '123',
  '7',
  'é',
  'e\u0301',
  'ﬁ',
  '的',
  '한국',
  '\u1112\u1161\u11ab',
  '😀',
  '👩‍👩‍👧',
  '\0',
  '\ufeff',
  '▁',
  '<cut>',
  'tree',
  '=',
  'ab',
  'Σ',
  'aaaa',
]

const bit = fc.constantFrom(...BITS)
/** A bit or some of them, again and again. */
const run = fc
  .tuple(fc.array(bit, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 12_000 }))
  .map(([bits, length]) => bits.join('').repeat(Math.ceil(length / bits.join('').length)))
/** Bits in any order. */
const mixture = fc
  .tuple(
    fc.array(bit, { minLength: 2, maxLength: 12 }),
    fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    fc.integer({ min: 1, max: 4_000 }),
  )
  .map(([bits, seed, count]) => {
    let state = seed
    return Array.from({ length: count }, () => {
      state = (state * 48_271) % 2_147_483_647
      return bits[state % bits.length]
    }).join('')
  })

/** Texts of some ten thousand characters. */
export const hostileText = fc
  .array(fc.oneof(run, mixture), { minLength: 2, maxLength: 5 })
  .map((parts) => parts.join(''))
  .filter((text) => text.trim() !== '')
