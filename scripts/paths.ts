/** Where things lie in this package, the same from the sources and from dist/. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder of package.json: one above scripts/, or two above where scripts were built into dist/. */
export const PACKAGE_ROOT = findRoot(import.meta.dirname)

/** The default model. */
export const EMBEDDED_MODEL = join(PACKAGE_ROOT, 'models', 'embedded')

/** The version in package.json: stands in reports. */
export const VERSION = (JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string })
  .version

function findRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from
  const parent = dirname(from)
  if (parent === from) throw new Error('no package.json above the scripts')
  return findRoot(parent)
}
