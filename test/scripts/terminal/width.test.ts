import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table } from '../../../scripts/report/table.ts'
import { columns, padEnd, padStart, shortened, wrapped } from '../../../scripts/terminal/width.ts'

test('letters of Chinese and emoji take two columns, marks and isolates none', () => {
  const widths = { abc: 3, 北京: 4, '🏥': 2, '👨‍👩‍👧': 2, ไทย: 3, é: 1, 'e\u0301': 1, '\u2068שלום\u2069': 4 }
  for (const [text, width] of Object.entries(widths)) assert.equal(columns(text), width, JSON.stringify(text))
})

test('a line that is too long ends after a whole word', () => {
  assert.equal(shortened('one two', 7), 'one two')
  assert.equal(shortened('one two three', 11), 'one two ...')
  assert.equal(shortened('北京 医院 三', 9), '北京 ...')
  assert.equal(shortened('indivisible', 5), '...')
})

test('prose is broken between words, and tables, commands and words are left whole', () => {
  assert.equal(wrapped('  one two three four five six', 20), '  one two three four\n  five six')
  assert.equal(wrapped('short\n\nlines stay', 20), 'short\n\nlines stay')
  for (const whole of ['name    1.00    2.00    3.00', 'Verify: npx --no-install coppice verify out', 'x'.repeat(30)])
    assert.equal(wrapped(whole, 20), whole)
})

test('a table has straight columns whatever the script of its cells', () => {
  const names = ['North', '北京医院', '🏥 3', '\u2068שלום\u2069', 'Bệnh viện']
  const lines = table([['site', 'sent'], ...names.map((name) => [name, '12 kB'])]).split('\n')
  assert.equal(new Set(lines.map(columns)).size, 1, lines.join('\n'))
  assert.equal(columns(padEnd('北京', 6)), 6)
  assert.equal(columns(padStart('北京', 6)), 6)
})
