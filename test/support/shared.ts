import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url))

/** A path in the folder of models and texts that may lie beside a checkout, or null where it is absent. */
export function sharedPath(name: string): string | null {
  const path = SHARED + name
  return existsSync(path) ? path : null
}

/** A reason to skip, for node:test's `skip` option: false where the path is there. */
export function needsShared(name: string): string | false {
  return sharedPath(name) === null ? `needs ${name} beside the checkout` : false
}

/** A path among the fixtures of this repository. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
}
