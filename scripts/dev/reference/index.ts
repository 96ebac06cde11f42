/** `npm run reference`: writes the parts of docs/reference/ that follow from the code. The tests compare them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../paths.ts'
import { PAGES } from './pages.ts'
import { withPart } from './table.ts'

for (const [name, parts] of Object.entries(PAGES)) {
  const path = join(PACKAGE_ROOT, 'docs/reference', name)
  let page = readFileSync(path, 'utf8')
  for (const [part, text] of Object.entries(parts)) page = withPart(page, part, text())
  writeFileSync(path, page)
}
