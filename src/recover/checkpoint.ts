/**
 * The checkpoint of a recovery, from which an interrupted one goes on: the numbers that are trained, and a record of
 * them, which is replaced last.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { OutputError } from '../base/errors.ts'
import { unwritable } from '../base/system-errors.ts'
import type { Fingerprint } from '../files/fingerprint.ts'
import { readStored, storeFile } from '../files/stored-file.ts'
import type { TrainState } from './train.ts'
import { TRAINING_RECORD } from './training-record.ts'

/**
 * The number of finished steps of this very recovery; 0 if there are none.
 * @throws {OutputError} OUTPUT_OTHER_RECOVERY, OUTPUT_CHECKPOINT_DAMAGED
 */
export function stepsDone(dir: string, fingerprint: Fingerprint): number {
  return TRAINING_RECORD.read(dir, fingerprint)?.step ?? 0
}

/**
 * Fills a state that has just started from the checkpoint of this very recovery, if the directory holds one.
 * @throws {OutputError} OUTPUT_OTHER_RECOVERY, OUTPUT_CHECKPOINT_DAMAGED
 */
export function restoreTraining(dir: string, fingerprint: Fingerprint, state: TrainState): void {
  const record = TRAINING_RECORD.read(dir, fingerprint)
  if (record === null) return
  const { step, losses, looks, numbers } = record
  if (!readStored({ ...numbers, path: join(dir, numbers.path) }, arraysOf(state)))
    throw TRAINING_RECORD.damaged(dir, numbers.path)
  Object.assign(state, { step, losses, looks })
}

/** Makes a state durable. @throws {OutputError} OUTPUT_UNWRITABLE, OUTPUT_OTHER_RECOVERY, OUTPUT_CHECKPOINT_DAMAGED */
export async function storeTraining(dir: string, fingerprint: Fingerprint, state: TrainState): Promise<void> {
  try {
    mkdirSync(dir, { recursive: true })
  } catch (error) {
    throw unwritable(dir, error)
  }
  const before = TRAINING_RECORD.read(dir, fingerprint)?.numbers.path
  const { step, losses, looks } = state
  const stored = await storeFile(join(dir, `step-${step}-${looks.length}.f32`), arraysOf(state))
  const numbers = { ...stored, path: basename(stored.path) }
  await TRAINING_RECORD.replace(dir, fingerprint, { step, losses, looks, numbers })
  if (before !== undefined && before !== numbers.path) rmSync(join(dir, before), { force: true })
}

function arraysOf({ values, moments, best }: TrainState): Float32Array[] {
  return [values, moments.first, moments.second, best]
}

/** Empties a directory that holds the checkpoint of another recovery, or a damaged one. */
export function clearOtherTraining(dir: string, fingerprint: Fingerprint): void {
  try {
    TRAINING_RECORD.read(dir, fingerprint)
  } catch (error) {
    if (!(error instanceof OutputError)) throw error
    rmSync(dir, { recursive: true, force: true })
  }
}
