import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { addToCard, calibratedOn, federationFacts, resultsInWords } from '../../../scripts/common/model-card.ts'
import { cardOf } from '../../../src/model/write/model-card.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

const RESULTS = {
  facts: ['50 of 100 weights of the layers are zero (50 %).', calibratedOn({ windows: 8, window: 256 })],
  models: ['base', 'this model'],
  texts: [
    { tokens: 765, windows: 3, window: 256, values: [18.7654, 21] },
    { tokens: 510, window: 256, values: [5, 6.5] },
  ],
}

describe('the results in a model card', () => {
  it('are facts, and perplexities with how they were measured; a text has a number and no name', () => {
    const named = RESULTS.texts.map((text) => ({ ...text, text: '/srv/clinic/patients.txt' }))
    assert.equal(
      resultsInWords({ ...RESULTS, texts: named }),
      [
        '## Results',
        '- 50 of 100 weights of the layers are zero (50 %).\n- Calibrated on 8 windows of 256 tokens.',
        '| perplexity | base | this model |\n| --- | --- | --- |\n| text 1 | 18.77 | 21.00 |\n| text 2 | 5.00 | 6.50 |',
        'Perplexity says how surprised a model is by a text: lower is better. It is exp of the mean of -ln p over all tokens but the first of each window. Windows do not overlap; text 1: 3 windows of 256 tokens, 765 predictions; text 2: 2 windows of 256 tokens, 510 predictions.',
      ].join('\n\n'),
    )
    assert.match(resultsInWords({ ...RESULTS, texts: [] }), /No perplexity was measured\.$/)
  })

  it('name the federation by its id, root, sites and rounds, and neither a site nor a model', () => {
    const plan = {
      id: 'a1',
      masked: true,
      window: 256,
      windows: 8,
      model: { name: 'clinic-7', hash: 'b2', parameters: 1 },
    }
    const facts = federationFacts(plan as Parameters<typeof federationFacts>[0], {
      root: 'c3',
      rounds: 2,
      sites: 4,
    }).join('\n')
    assert.match(
      facts,
      /^4 sites made it together in 2 rounds\. No text left a site\. Only sums over sites were seen\.\n/,
    )
    assert.match(facts, /Federation a1\. .*: c3\. [\s\S]*: b2\.$/)
    assert.doesNotMatch(facts, /clinic/)
  })

  it('are written into the card of a model, whatever the case of its name, and into no other card', async (context) => {
    const dir = await temporaryDirectory(context)
    await addToCard(dir, RESULTS) // no card: nothing to write into
    const path = join(dir, 'Readme.md')
    writeFileSync(
      path,
      cardOf(null, {
        done: 'Done.',
        base: null,
        licence: null,
        programs: { 'transformers.js': null, Optimum: null, 'ONNX Runtime GenAI': null },
      }),
    )
    await addToCard(dir, RESULTS)
    assert.ok(readFileSync(path, 'utf8').includes(resultsInWords(RESULTS)))
    writeFileSync(path, '# Mine')
    await addToCard(dir, RESULTS)
    assert.equal(readFileSync(path, 'utf8'), '# Mine')
  })
})
