import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as values from '../../../scripts/options/values.ts'
import { UsageError } from '../../../src/base/errors.ts'

describe('option values', () => {
  const accepted: Array<{ id: string; read: (text: string) => unknown; text: string; value: unknown }> = [
    { id: 'whole', read: values.wholeNumber('--n', 1, 10), text: '10', value: 10 },
    { id: 'share', read: values.share('--s', values.SPARSITY), text: '0.55', value: 550_000 },
    { id: 'no share', read: values.share('--s', values.SPARSITY), text: '0', value: 0 },
    { id: 'six places', read: values.share('--s', values.SPARSITY), text: '0.999999', value: 999_999 },
    { id: 'all', read: values.share('--s', values.PROPER_SHARE), text: '1', value: 1_000_000 },
    { id: 'shares', read: values.shares('--s', values.PROPER_SHARE), text: '1,0.25', value: [1_000_000, 250_000] },
    { id: 'seconds', read: values.seconds('--t', 60_000), text: '1.5', value: 1500 },
    { id: 'no seconds', read: values.seconds('--t', 60_000), text: '0', value: 0 },
    { id: 'pattern', read: values.pattern('--p', 256), text: '2:4', value: { kind: 'pattern', n: 2, m: 4 } },
    { id: 'word', read: values.oneOf('--w', ['mesh', 'star']), text: 'star', value: 'star' },
    { id: 'words', read: values.someOf('--w', ['a', 'b'], 'none'), text: 'b,a,b', value: ['b', 'a'] },
    { id: 'none', read: values.someOf('--w', ['a', 'b'], 'none'), text: 'none', value: [] },
  ]
  for (const { id, read, text, value } of accepted)
    it(`reads ${id}: ${text}`, () => assert.deepEqual(read(text), value))

  const refused: Array<{ id: string; read: (text: string) => unknown; texts: string[] }> = [
    {
      id: 'whole numbers',
      read: values.wholeNumber('--n', 1, 10),
      texts: ['', '0', '11', '-1', '1.0', '1e1', ' 1', '0x1'],
    },
    {
      id: 'sparsities',
      read: values.share('--s', values.SPARSITY),
      texts: ['', '1', '-0.1', '1.5', '.5x', 'half', '50%'],
    },
    { id: 'proper shares', read: values.share('--s', values.PROPER_SHARE), texts: ['0', '0.0', '1.000001', 'NaN'] },
    { id: 'lists of shares', read: values.shares('--s', values.PROPER_SHARE), texts: ['', '1,', '1,,1', '1;1'] },
    { id: 'seconds', read: values.seconds('--t', 60_000), texts: ['', '-1', '61', '1.2345', '1s', 'Infinity'] },
    { id: 'patterns', read: values.pattern('--p', 8), texts: ['', '2', '0:4', '4:4', '5:4', '2:16', '2:4:8', 'a:b'] },
    { id: 'words', read: values.oneOf('--w', ['mesh', 'star']), texts: ['', 'Mesh', 'mesh,star'] },
    { id: 'sets of words', read: values.someOf('--w', ['a', 'b'], 'none'), texts: ['', 'a,none', 'c'] },
    { id: 'nothing', read: values.notEmpty('--x', 'a string'), texts: [''] },
  ]
  for (const { id, read, texts } of refused) {
    it(`refuses other ${id}, naming the option`, () => {
      for (const text of texts)
        assert.throws(
          () => read(text),
          (error) => error instanceof UsageError && error.message.startsWith('--'),
          text,
        )
    })
  }

  it('never reads a share through a double', () => {
    const read = values.share('--s', values.SPARSITY)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), (ppm) => {
        assert.equal(read(`0.${String(ppm).padStart(6, '0')}`), ppm)
      }),
    )
  })
})
