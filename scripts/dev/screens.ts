/** `npm run screens`: makes docs/reference/screens.md. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../paths.ts'
import { screensText } from './screens-text.ts'

writeFileSync(join(PACKAGE_ROOT, 'docs', 'reference', 'screens.md'), await screensText())
