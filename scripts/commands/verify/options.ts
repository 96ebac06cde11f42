/** Options of `coppice verify`. */
import { resolve } from 'node:path'
import { type ModelOptions, modelOptions, type RawModel } from '../../options/site.ts'

export interface VerifyOptions extends ModelOptions {
  /** The output directory of a peer; absolute path. */
  directory: string
}

export interface RawVerify extends RawModel {
  json?: boolean
}

export function verifyOptions(directory: string, raw: RawVerify): VerifyOptions {
  return { directory: resolve(directory), ...modelOptions(raw) }
}
