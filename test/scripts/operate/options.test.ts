import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addWatchOptions, type RawWatch, watchOptions } from '../../../scripts/operate/options.ts'
import { CoppiceError } from '../../../src/base/errors.ts'
import { read } from '../../support/command-line.ts'

const options = (...argv: string[]) => watchOptions(read<RawWatch>(addWatchOptions, ...argv))

function refuses(argv: string[], code: string, what: RegExp): void {
  assert.throws(
    () => options(...argv),
    (error) => error instanceof CoppiceError && error.code === code && what.test(error.message),
    argv.join(' '),
  )
}

describe('the options of watching', () => {
  it('ask for nothing by default', () => {
    assert.deepEqual(options(), { log: null, metrics: null })
  })

  it('name a log and its level', () => {
    assert.deepEqual(options('--log-file', '/var/log/a').log, { file: '/var/log/a', level: 'info' })
    assert.equal(options('--log-file', 'a', '--log-level', 'debug').log?.level, 'debug')
    refuses(['--log-level', 'debug'], 'USAGE_CONFLICT', /none is written/)
    refuses(['--log-file', 'a', '--log-level', 'trace'], 'USAGE_VALUE', /one of error, warn, info, debug/)
    refuses(['--log-file', ''], 'USAGE_VALUE', /--log-file/)
  })

  it('take addresses of this machine for metrics', () => {
    for (const [text, host, port] of [
      ['127.0.0.1:9464', '127.0.0.1', 9464],
      ['127.1.2.3:0', '127.1.2.3', 0],
      ['[::1]:65535', '::1', 65_535],
      ['localhost:9464', '127.0.0.1', 9464],
    ] as const)
      assert.deepEqual(options('--metrics', text).metrics, { host, port })
  })

  it('take others only where that is said', () => {
    for (const address of ['0.0.0.0:9464', '192.0.2.7:9464', '[::]:9464', '[::ffff:192.0.2.7]:1', '128.0.0.1:1']) {
      refuses(['--metrics', address], 'USAGE_CONFLICT', /other machines/)
      assert.notEqual(options('--metrics', address, '--metrics-public').metrics, null)
    }
    refuses(['--metrics-public'], 'USAGE_CONFLICT', /none are served/)
  })

  it('refuse what is no address and port', () => {
    for (const text of [
      '9464',
      '127.0.0.1',
      '127.0.0.1:',
      '127.0.0.1:65536',
      '::1:9464',
      '[127.0.0.1]:x',
      'a.example:1',
      '127.0.0.1:1:2',
    ])
      refuses(['--metrics', text], 'USAGE_VALUE', /expected an IP address and a port/)
  })
})
