import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { REFUSALS } from '../../protocols/founding/messages.ts'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'

/** A code where it is given to an error: `code: 'X'` in a refusal, `code = 'X'` in a class. Not the system's own. */
const GIVEN = /\bcode(?:: | = )'(?!E[A-Z]+')([A-Z][A-Z0-9_]+)'/g
/** The answers of a founder, of which protocols/founding/errors.ts makes codes. `failed` is no refusal (exit 6). */
const FROM_FOUNDER = REFUSALS.filter((reason) => reason !== 'failed').map((reason) => `REFUSED_${reason.toUpperCase()}`)

describe('docs/reference/errors.md', () => {
  const sources = globSync('{bin/*.js,{src,protocols,peers,scripts}/**/*.ts}', { cwd: PACKAGE_ROOT })
  const given = new Set([
    ...sources.flatMap((path) =>
      [...readFileSync(join(PACKAGE_ROOT, path), 'utf8').matchAll(GIVEN)].map(([, code]) => code),
    ),
    ...FROM_FOUNDER,
  ])
  const text = readFileSync(join(PACKAGE_ROOT, 'docs/reference/errors.md'), 'utf8')
  const documented = new Set([...text.matchAll(/^\| `([A-Z0-9_]+)` +\|/gm)].map(([, code]) => code))

  it('has every code that the sources give', () => {
    assert.deepEqual([...given].filter((code) => !text.includes(`\`${code}\``)).sort(), [])
  })

  it('has no code that the sources do not give', () => {
    assert.deepEqual([...documented].filter((code) => !given.has(code)).sort(), [])
  })

  it('knows the one place where codes are made of words', () => {
    const makers = sources.filter((path) => /\bcode: `/.test(readFileSync(join(PACKAGE_ROOT, path), 'utf8')))
    assert.deepEqual(makers, ['protocols/founding/errors.ts'])
  })
})
