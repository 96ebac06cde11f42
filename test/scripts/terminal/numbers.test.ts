import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as numbers from '../../../scripts/terminal/numbers.ts'

describe('numbers for people', () => {
  it('give bytes two digits that matter', () => {
    const examples = { 0: '0 B', 999: '999 B', 1000: '1 kB', 1234: '1.2 kB', 99400: '99 kB', 368104: '368 kB' }
    for (const [count, text] of Object.entries(examples)) assert.equal(numbers.bytes(Number(count)), text)
    assert.equal(numbers.bytes(999_600), '1 MB')
    assert.equal(numbers.bytes(13_475_960), '13 MB')
    assert.equal(numbers.bytes(5.5e15), '5500 TB')
  })

  it('give durations in the unit that fits', () => {
    const examples = { 4.21: '4.2 s', 59.4: '59 s', 59.6: '1 min 00 s', 65: '1 min 05 s', 3700: '1 h 01 min' }
    for (const [seconds, text] of Object.entries(examples)) assert.equal(numbers.duration(Number(seconds)), text)
  })

  it('give the time of a run three digits', () => {
    const examples = { 0.00064: '0.640 ms', 0.0213: '21.3 ms', 0.4567: '457 ms', 0.9996: '1.00 s', 123.4: '123 s' }
    for (const [seconds, text] of Object.entries(examples)) assert.equal(numbers.runTime(Number(seconds)), text)
  })

  it('give changes with their sign', () => {
    assert.deepEqual([-0.153, 0.021, -1].map(numbers.changePercent), ['-15 %', '+2 %', '-100 %'])
  })

  it('give perplexities two places while they matter', () => {
    assert.deepEqual([24.506, 999.994, 1234.56, 123_456.7].map(numbers.perplexityText), [
      '24.51',
      '999.99',
      '1234.56',
      '123457',
    ])
  })

  it('give shares in percent without a tail', () => {
    assert.deepEqual([0.6, 0.60000864, 1, 0].map(numbers.percent), ['60 %', '60.001 %', '100 %', '0 %'])
  })

  it('count in words', () => {
    assert.deepEqual([numbers.counted(1, 'round'), numbers.counted(2000, 'round')], ['1 round', '2,000 rounds'])
  })

  it('names blocks, and of three or more in a row the first and the last', () => {
    for (const [blocks, words] of [
      [[3], 'block 3'],
      [[0, 1], 'blocks 0, 1'],
      [[0, 1, 2], 'blocks 0 to 2'],
      [[0, 1, 2, 3, 7, 10, 11, 12], 'blocks 0 to 3, 7, 10 to 12'],
    ] as const)
      assert.equal(numbers.blocksInWords(blocks), words)
  })
})
