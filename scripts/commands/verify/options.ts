/** Options of `coppice verify`. */
import { resolve } from 'node:path'

export interface VerifyOptions {
  /** The output directory of a peer; absolute path. */
  directory: string
  /** The base model; null: the embedded one. */
  base: string | null
}

export interface RawVerify {
  model?: string
  json?: boolean
}

export function verifyOptions(directory: string, { model }: RawVerify): VerifyOptions {
  return { directory: resolve(directory), base: model === undefined ? null : resolve(model) }
}
