/** Options of `coppice bundle`. */
import { resolve } from 'node:path'

export interface BundleOptions {
  /** The output directory of a peer; absolute path. */
  directory: string
  /** The file; absolute path. null: named after the federation, in the current directory. */
  out: string | null
}

export interface RawBundle {
  out?: string
  json?: boolean
}

export function bundleOptions(directory: string, { out }: RawBundle): BundleOptions {
  return { directory: resolve(directory), out: out === undefined ? null : resolve(out) }
}
