import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_SITE_NAME, shown, siteInWords, siteNameFault, siteNameSchema } from '../../../protocols/plan/site-name.ts'
import { person } from '../../support/people.ts'

const NAMES = [
  'North clinic',
  'Charité (Campus Mitte)',
  '北京医院',
  'מרכז רפואי',
  'مستشفى',
  'โรงพยาบาล',
  'दिल्ली अस्पताल',
  'ཀློང་ཆེན',
  'Bệnh viện',
  '🏥 3',
  "St. Mary's & Sons",
  'x'.repeat(MAX_SITE_NAME),
]

const NO_NAMES: Record<string, string> = {
  nothing: '',
  'a line break': 'a\nb',
  'an escape': '\u001b[31mred',
  'a right-to-left override': 'abc\u202etxt',
  'an isolate without its end': '\u2067abc',
  'a zero-width space': 'north\u200bclinic',
  'a zero-width joiner': 'a\u200db',
  'a soft hyphen': 'north\u00adclinic',
  'a Hangul filler, which is a letter': 'a\u3164b',
  'a grapheme joiner, which is a mark': 'a\u034fb',
  'a variation selector': '❤\ufe0f a',
  'a blank pattern': 'a\u2800b',
  'a tag': 'a\u{e0041}',
  'a no-break space': 'a\u00a0b',
  'half a character': 'a\ud800',
  'a private character': 'a\ue000',
  'a spelling that is not normal': 'e\u0301',
  'spaces at its end': 'North ',
  'spaces side by side': 'North  clinic',
  'a mark on nothing': '\u0301a',
  'a tower of marks': `n${'\u0302\u0316'.repeat(6)}`,
  'signs alone': '---',
  'a peer id': 'x (12D3KooWBF45uaTQ)',
  'too much': 'x'.repeat(MAX_SITE_NAME + 1),
  'too much in pairs': '🏥'.repeat(MAX_SITE_NAME / 2 + 1),
}

describe('a name of a site', () => {
  for (const name of NAMES) {
    it(`may be ${name}`, () => {
      assert.equal(siteNameFault(name.normalize('NFC')), null)
      assert.equal(siteNameSchema.parse(name.normalize('NFC')), name.normalize('NFC'))
    })
  }

  for (const [what, name] of Object.entries(NO_NAMES)) {
    it(`is not ${what}`, () => {
      assert.match(siteNameFault(name) ?? '', /^(is|has) /)
      assert.equal(siteNameSchema.safeParse(name).success, false)
    })
  }

  it('is shown with what cannot be seen as code points, on one line, without moving what stands beside it', () => {
    assert.equal(shown('a\u202eb\n'), 'a\\u{202e}b\\u{a}')
    assert.equal(shown('שלום'), '\u2068שלום\u2069')
    assert.equal(shown('abc'), 'abc')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const inner = shown(text).replace(/^\u2068|\u2069$/g, '')
        assert.match(inner, /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u)
      }),
    )
  })

  it('has the beginning of its peer id beside it', () => {
    assert.match(siteInWords({ peer: person(1).peerId, site: 'North' }), /^North \(12D3KooW[A-Za-z0-9]{8}\.\.\.\)$/)
  })
})
