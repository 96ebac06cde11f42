import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookAlike, warnings } from '../../../scripts/terminal/look-alike.ts'
import { person } from '../../support/people.ts'

const ALIKE = [
  ['North clinic', 'North clinic'],
  ['North clinic', 'Nоrth clinic'], // a Cyrillic o
  ['North clinic', 'NORTH  CLINIC'.replace('  ', ' ')],
  ['North clinic', 'North-clinic'],
  ['North clinic', 'Ｎｏｒｔｈ ｃｌｉｎｉｃ'],
  ['North clinic', 'Nörth clinic'],
  ['Hospital', 'HospitaI'], // a capital i
  ['Modern', 'Modem'],
  ['site-bcdf', 'site-bсdf'],
  ['сосо', 'coco'],
  ['Αθηνα', 'Aθηνα'],
  ['Site 1', 'Site l'],
  ['Straße', 'Straße '],
]
const UNLIKE = [
  ['North clinic', 'South clinic'],
  ['北京医院', '上海医院'],
  ['site 1', 'site 2'],
  ['🏥 A', '🏥 B'],
  ['Москва', 'Казань'],
]

test('names that a person could take for one another are found', () => {
  for (const [a, b] of ALIKE) assert.ok(lookAlike(a, b.trimEnd()), `${a} / ${b}`)
  for (const [a, b] of UNLIKE) assert.ok(!lookAlike(a, b), `${a} / ${b}`)
})

test('a person is warned of them with their peer ids, and of words in letters of two scripts', () => {
  const sites = ['North', 'South', 'Nоrth', 'Клиника 2', '東京 Lab', 'ひらカナ漢字'].map((site, i) => {
    return { peer: person(i + 1).peerId, site }
  })
  const lines = warnings(sites)
  assert.equal(lines.length, 2, lines.join('\n'))
  assert.match(lines[0], /North \(12D3KooW.*\) and Nоrth \(12D3KooW.*\) look alike/)
  assert.match(lines[1], /Nоrth \(.*\) has letters of Latin and Cyrillic in one word/)
})
