/** The base model of a command: read once, before anything is made of it. */
import type { EngineWorkInit } from '../../peers/work/engine-work.ts'
import { ppmToFraction } from '../../src/base/decimal.ts'
import { isStructuredMethod, type Method } from '../../src/form/method.ts'
import type { ModelDescription } from '../../src/jobs/jobs.ts'
import { assertRuns, describe, labelled, type Work } from './engine.ts'

export interface BaseModel {
  dir: string
  description: ModelDescription
  /** SHA-256. */
  hash: Uint8Array
}

/**
 * A base model, before anything is made of it.
 * @throws {InputError} MODEL_REFUSED_BY_RUNTIME, and as Decoder.open does
 */
export async function readModel(work: Work, dir: string): Promise<BaseModel> {
  const description = await describe(work, dir)
  // At the same time: one is a process of ONNX Runtime, the other reads files.
  const [hash] = await Promise.all([labelled(work, 'Hashing the model', 'hash', { dir }), assertRuns(work, dir)])
  return { dir, description, hash }
}

/**
 * What a site's work must know of the model, once it can be cut.
 * @throws {InputError} STRUCTURE_LOCKED, SLICE_UNKNOWN; {UsageError} NOTHING_REMOVED
 */
export function structuredOf(work: Work, dir: string, method: Method): Promise<EngineWorkInit['structured']> {
  if (!isStructuredMethod(method)) return Promise.resolve(null)
  const { from, to, ppm } = method.target
  return labelled(work, 'Looking for structures', 'structuredForms', { dir, from, to, ratio: ppmToFraction(ppm) })
}
