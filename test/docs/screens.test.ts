import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { screensText } from '../../scripts/dev/screens-text.ts'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'

test('docs/reference/screens.md shows the screens that the code draws: npm run screens makes it anew', async () => {
  assert.equal(readFileSync(join(PACKAGE_ROOT, 'docs', 'reference', 'screens.md'), 'utf8'), await screensText())
})
