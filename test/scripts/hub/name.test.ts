import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHubName, parseHubName, pinnedName } from '../../../scripts/hub/name.ts'
import { modelOptions } from '../../../scripts/options/site.ts'

const COMMIT = '0123456789abcdef0123456789abcdef01234567'

describe('the name of a model on a hub', () => {
  it('has an owner, a name and a revision, which is main if none is given', () => {
    assert.deepEqual(parseHubName('hf:a/b'), { repository: 'a/b', revision: 'main' })
    assert.deepEqual(parseHubName('hf:a-b/C_1.2@refs/pr/3'), { repository: 'a-b/C_1.2', revision: 'refs/pr/3' })
    assert.deepEqual(parseHubName(pinnedName('a/b', COMMIT)), { repository: 'a/b', revision: COMMIT })
  })

  it('is no path: what begins with ./ is a directory', () => {
    assert.ok(isHubName('hf:a/b'))
    assert.ok(!isHubName('./hf:a/b'))
    assert.ok(modelOptions({ model: './hf:a/b' }).model.endsWith('/hf:a/b'))
  })

  for (const text of [
    ...['hf:', 'hf:a', 'hf:a/', 'hf:/b', 'hf:a/b/c', 'hf:a/b@', 'hf:../b', 'hf:a/..', 'hf:a/b..c', 'hf:a/b@..'],
    ...[
      'hf:a/b@../../etc',
      'hf:a/b@x/../y',
      'hf:a/b@/etc',
      'hf:a/b@x y',
      'hf:a/b@x\ny',
      'hf:a/b?x',
      'hf:a/b#x',
      'hf:a\\b',
    ],
    `hf:a/${'b'.repeat(97)}`,
  ]) {
    it(`${JSON.stringify(text)} is refused, before anything is asked`, () =>
      assert.throws(() => modelOptions({ model: text }), { code: 'USAGE_VALUE' }))
  }

  it('alone may be --offline: with a directory the option would promise what it does not hold', () => {
    assert.equal(modelOptions({ model: 'hf:a/b', offline: true }).offline, true)
    assert.throws(() => modelOptions({ model: 'base', offline: true }), { code: 'USAGE_CONFLICT' })
  })
})
