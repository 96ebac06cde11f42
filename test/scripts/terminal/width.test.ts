import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from '../../../scripts/report/table.ts'
import { clipped, columns, padEnd, padStart } from '../../../scripts/terminal/width.ts'

test('letters of Chinese and emoji take two columns, marks and isolates none', () => {
  const widths = { abc: 3, 北京: 4, '🏥': 2, '👨‍👩‍👧': 2, ไทย: 3, é: 1, 'e\u0301': 1, '\u2068שלום\u2069': 4 }
  for (const [text, width] of Object.entries(widths)) assert.equal(columns(text), width, JSON.stringify(text))
})

test('a text is cut between letters, where the room ends', () => {
  assert.equal(clipped('abc', 3), 'abc')
  assert.equal(clipped('北京医院', 5), '北京')
  assert.equal(clipped('e\u0301e\u0301', 1), 'e\u0301')
  assert.equal(clipped('👨‍👩‍👧x', 1), '')
})

test('a table has straight columns whatever the script of its cells', () => {
  const names = ['North', '北京医院', '🏥 3', '\u2068שלום\u2069', 'Bệnh viện']
  const lines = table([['site', 'sent'], ...names.map((name) => [name, '12 kB'])]).split('\n')
  assert.equal(new Set(lines.map(columns)).size, 1, lines.join('\n'))
  assert.equal(columns(padEnd('北京', 6)), 6)
  assert.equal(columns(padStart('北京', 6)), 6)
})
