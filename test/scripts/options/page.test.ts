import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addPageOption, pageOption, type RawPage } from '../../../scripts/options/page.ts'
import { read } from '../../support/command-line.ts'

const page = (...argv: string[]) => pageOption(read<RawPage>(addPageOption, ...argv)).page

describe('--page', () => {
  it('is an address of this machine alone, or any other that is given', () => {
    assert.equal(page(), null)
    assert.deepEqual(page('--page', '127.0.0.1:0'), { host: '127.0.0.1', port: 0, isOpen: false })
    assert.deepEqual(page('--page', '127.9.9.9:65535'), { host: '127.9.9.9', port: 65535, isOpen: false })
    assert.deepEqual(page('--page', '[::1]:8080'), { host: '::1', port: 8080, isOpen: false })
    assert.deepEqual(page('--page', '0.0.0.0:80'), { host: '0.0.0.0', port: 80, isOpen: true })
    assert.deepEqual(page('--page', '[::]:80'), { host: '::', port: 80, isOpen: true })
  })

  for (const wrong of [
    '8080',
    '127.0.0.1',
    ':8080',
    '127.0.0.1:65536',
    '127.0.0.1:x',
    '::1:80',
    '[127.0.0.1]:80',
    'localhost:80',
    '1270.0.0.1:80',
    '127.0.0.1:80/x',
  ]) {
    it(`refuses ${wrong}`, () => assert.throws(() => page('--page', wrong), { code: 'USAGE_VALUE' }))
  }
})
