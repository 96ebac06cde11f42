import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  addSiteOptions,
  defaultDataDirectory,
  type RawSiteOptions,
  siteOptions,
} from '../../../scripts/options/data.ts'
import { read } from '../../support/command-line.ts'

const options = (...argv: string[]) => siteOptions(read<RawSiteOptions>(addSiteOptions, ...argv))

describe('where a site keeps its data', () => {
  const cases: Array<[what: string, env: NodeJS.ProcessEnv, platform: NodeJS.Platform, path: string]> = [
    ['XDG_STATE_HOME', { XDG_STATE_HOME: '/state', HOME: '/home/me' }, 'linux', '/state/coppice'],
    ['the home directory', { HOME: '/home/me' }, 'linux', '/home/me/.local/state/coppice'],
    ['the same on macOS', { HOME: '/Users/me' }, 'darwin', '/Users/me/.local/state/coppice'],
    ['no relative path', { XDG_STATE_HOME: 'state', HOME: '/home/me' }, 'linux', '/home/me/.local/state/coppice'],
    ['nothing empty', { XDG_STATE_HOME: '', HOME: '/home/me' }, 'linux', '/home/me/.local/state/coppice'],
    ['LOCALAPPDATA on Windows', { LOCALAPPDATA: '/local', HOME: '/home/me' }, 'win32', '/local/coppice'],
    ['the profile on Windows', {}, 'win32', join(homedir(), 'AppData', 'Local', 'coppice')],
  ]
  for (const [what, env, platform, path] of cases) {
    it(`follows from ${what}`, () => assert.equal(defaultDataDirectory(env, platform), path))
  }

  for (const env of [{}, { HOME: '' }, { HOME: 'relative' }, { XDG_STATE_HOME: '.' }]) {
    it(`must be given where there is no home: ${JSON.stringify(env)}`, () => {
      const refusal = { code: 'USAGE_MISSING', exit: 2, message: /--data is missing/, hint: /^Give --data/ }
      assert.throws(() => defaultDataDirectory(env, 'linux'), refusal)
    })
  }

  it('is the one that --data gives', () => assert.equal(options('--data', '/mine').data, '/mine'))
})

describe('--name', () => {
  it('takes names of any script in their normal form, without characters that only choose how an emoji is drawn', () => {
    assert.equal(options('--name', 'North clinic').name, 'North clinic')
    assert.equal(options('--name', ' Kli\u0301nika ').name, 'Kl\u00ednika')
    assert.equal(options('--name', '⚕\ufe0f 北京').name, '⚕ 北京')
    assert.equal(options().name, null)
  })

  it('refuses a text that is no name, and shows it so that it does no harm', () => {
    for (const name of ['', ' ', 'a\u202eb', 'a\u200bb', 'x'.repeat(41), '\u001b[31m', '---']) {
      assert.throws(
        () => options('--name', name),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'USAGE_VALUE')
          assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}]/u)
          return true
        },
      )
    }
  })
})
