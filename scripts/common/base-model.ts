/** The base model of a command, read once before any other work. */
import type { EngineWorkInit } from '../../peers/work/engine-work.ts'
import { isStructuredMethod, type Method } from '../../src/form/method.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import { assertRuns, describe, type EngineRun, labelled } from './engine.ts'

export interface BaseModel {
  dir: string
  description: ModelDescription
  /** SHA-256 of the model: see src/model/forward/hash.ts. */
  hash: Uint8Array
}

/**
 * Reads a base model and tries it in plain ONNX Runtime.
 * @throws {InputError} MODEL_REFUSED_BY_RUNTIME, and as Decoder.open does
 */
export async function readModel(work: EngineRun, dir: string): Promise<BaseModel> {
  const description = await describe(work, dir)
  // Both run at the same time: one is a process of ONNX Runtime, the other reads files.
  const [hash] = await Promise.all([labelled(work, 'Hashing the model', 'hash', { dir }), assertRuns(work, dir)])
  return { dir, description, hash }
}

/**
 * The structural facts that a site's work needs of the model, after a check that it can be cut; null if no structures
 * are removed.
 * @throws {InputError} STRUCTURE_LOCKED, SLICE_UNKNOWN
 * @throws {UsageError} NOTHING_REMOVED
 */
export function structuredOf(work: EngineRun, dir: string, method: Method): Promise<EngineWorkInit['structured']> {
  if (!isStructuredMethod(method)) return Promise.resolve(null)
  const { from, to, ppm } = method.target
  return labelled(work, 'Looking for structures', 'structuredForms', { dir, from, to, ppm })
}
