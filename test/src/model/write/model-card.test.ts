import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { cardOf, plainMarkdown, withResults } from '../../../../src/model/write/model-card.ts'

const FACTS = {
  done: 'Done.',
  base: 'owner/name',
  licence: null,
  programs: { 'transformers.js': null, Optimum: null, 'ONNX Runtime GenAI': null },
}

function frontOf(base: string | null): Record<string, unknown> {
  const card = String(cardOf(base === null ? null : Buffer.from(base), FACTS))
  const [, front] = /^---\n([\s\S]*?)\n---\n/.exec(card) ?? assert.fail(card)
  return parse(front)
}

describe('a model card', () => {
  it("has front matter of its own, with the base's licence and languages, and none of its measurements", () => {
    const base =
      '---\nlicense: apache-2.0\nlanguage: [en, de]\nbase_model: x/y\ntags: [z]\nmodel-index:\n- name: q\nlibrary_name: transformers\n---\n# B'
    assert.deepEqual(frontOf(base), {
      license: 'apache-2.0',
      language: ['en', 'de'],
      base_model: 'owner/name',
      library_name: 'transformers.js',
      pipeline_tag: 'text-generation',
      tags: ['coppice', 'pruned', 'onnx', 'transformers.js'],
    })
  })

  it('takes nothing from front matter that is hostile, or not understood', () => {
    const plain = frontOf(null)
    for (const front of [
      'license: [1, 2]',
      'license: {a: b}',
      `license: ${'x'.repeat(201)}`,
      `language: [${'en, '.repeat(201)}en]`,
      'a: &a [x, x]\nlicense: *a',
      ': : :\n\t- [',
      '\u0000',
      '- license: mit',
    ])
      assert.deepEqual(frontOf(`---\n${front}\n---\n`), plain, front)
  })

  it('lets no licence write into the card what is no licence', () => {
    const license = 'mit\n---\n# Free <img src=x> [a](http://b) | www.c.d'
    const card = String(cardOf(Buffer.from(`---\nlicense: ${JSON.stringify(license)}\n---\n`), FACTS))
    assert.equal(frontOf(`---\nlicense: ${JSON.stringify(license)}\n---\n`).license, license)
    const shown = card.split('\n---\n\n')[1]
    assert.match(shown, /^# Made smaller/)
    assert.ok(shown.includes('mit --- \\# Free \\<img src\\=x\\> \\[a\\]\\(http\\://b\\) \\| www\\.c\\.d'), shown)
    assert.equal(plainMarkdown('a\u202e\u0000\r\nb'), 'a b')
    assert.equal(plainMarkdown('apache-2.0'), 'apache-2.0')
  })

  it('takes results, and others in their place; a card of somebody else is left alone', () => {
    const card = cardOf(Buffer.from('# Base\n'), FACTS)
    const once = withResults(card, '## Results\n\nFIRST') ?? assert.fail()
    const twice = withResults(once, '## Results\n\nOTHER') ?? assert.fail()
    assert.ok(String(once).includes('FIRST') && String(twice).includes('OTHER') && !String(twice).includes('FIRST'))
    assert.equal(twice.length, once.length)
    assert.ok(String(twice).endsWith('# Base\n'))
    assert.equal(withResults(Buffer.from('# Another'), 'x'), null)
  })
})
