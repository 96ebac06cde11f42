import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'

const PAGE = readFileSync(join(PACKAGE_ROOT, 'docs', 'explanation', 'checks.md'), 'utf8')
const ROWS = PAGE.split('\n').filter((line) => /^\| \d+\. /.test(line))

describe('docs/explanation/checks.md', () => {
  it('has each of the 32 checks once', () => {
    const numbers = ROWS.map((row) => Number(/\d+/.exec(row)?.[0])).sort((a, b) => a - b)
    assert.deepEqual(
      numbers,
      Array.from({ length: 32 }, (_, i) => i + 1),
    )
  })

  it('names tests that there are, or says that a check is untried', () => {
    for (const row of ROWS) {
      const tests = [...row.matchAll(/`([^`]+\.(?:ts|txt))`((?:,? "[^"]+")+)/g)]
      assert.equal(tests.length === 0, /\| untried +\|/.test(row), row.slice(0, 60))
      for (const [, path, titles] of tests) {
        const source = readFileSync(join(PACKAGE_ROOT, 'test', path), 'utf8')
        for (const [, title] of titles.matchAll(/"([^"]+)"/g)) assert.ok(source.includes(title), `${path}: ${title}`)
      }
    }
  })
})
