import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'

/** A reader sees all of it in a few minutes; the rest has pages of its own. */
const MOST_LINES = 200
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: PACKAGE_ROOT })
const README = read('README.md')

function read(page: string): string {
  return readFileSync(join(PACKAGE_ROOT, page), 'utf8')
}

/** The files of this project that a page links to, from its root. */
function linked(page: string): string[] {
  const targets = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, target]) => target)
  return targets.map((target) => join(dirname(page), target))
}

describe('the pages', () => {
  for (const page of PAGES)
    it(`have no link to nothing: ${page}`, () => {
      for (const target of linked(page)) assert.ok(existsSync(join(PACKAGE_ROOT, target)), target)
    })

  it('are found from README, all of them', () => {
    const found = new Set(linked('README.md'))
    assert.deepEqual(PAGES.filter((page) => page !== 'README.md' && !found.has(page)).sort(), [])
  })

  it(`begin with a README of at most ${MOST_LINES} lines`, () => {
    const lines = README.split('\n').length
    assert.ok(lines <= MOST_LINES, `${lines} lines`)
  })
})
