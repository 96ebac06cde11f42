/**
 * The checkpoint of a recovery, from which an interrupted one goes on: the numbers that are trained, and a record of
 * them, which is replaced last.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { OutputError } from '../base/errors.ts'
import { unwritable } from '../base/system-errors.ts'
import { differencesInWords, type Fingerprint } from '../files/fingerprint.ts'
import { sealJson } from '../files/sealed-json.ts'
import { readSealed } from '../files/sealed-record.ts'
import { readStored, type StoredFile, storeFile, syncNames } from '../files/stored-file.ts'
import { RECORD_FILE } from './record-file.ts'
import type { Look, TrainState } from './train.ts'

/** Number of the record's format. It changes when older records can no longer be read. */
const FORMAT = 1

interface TrainingRecord {
  format: typeof FORMAT
  fingerprint: Fingerprint
  step: number
  losses: number[]
  looks: Look[]
  /** Values, first and second moments, best values, float32 each; `path` is a name without a directory. */
  numbers: StoredFile
}

/**
 * The number of finished steps of this very recovery; 0 if there are none.
 * @throws {OutputError} OUTPUT_OTHER_RECOVERY, OUTPUT_CHECKPOINT_DAMAGED
 */
export function stepsDone(dir: string, fingerprint: Fingerprint): number {
  return readRecord(dir, fingerprint)?.step ?? 0
}

/**
 * Fills a state that has just started from the checkpoint of this very recovery, if the directory holds one.
 * @throws {OutputError} OUTPUT_OTHER_RECOVERY, OUTPUT_CHECKPOINT_DAMAGED
 */
export function restoreTraining(dir: string, fingerprint: Fingerprint, state: TrainState): void {
  const record = readRecord(dir, fingerprint)
  if (record === null) return
  const { step, losses, looks, numbers } = record
  if (!readStored({ ...numbers, path: join(dir, numbers.path) }, arraysOf(state))) throw damaged(dir, numbers.path)
  Object.assign(state, { step, losses, looks })
}

/** Makes a state durable. @throws {OutputError} OUTPUT_UNWRITABLE, OUTPUT_OTHER_RECOVERY, OUTPUT_CHECKPOINT_DAMAGED */
export function storeTraining(dir: string, fingerprint: Fingerprint, state: TrainState): void {
  try {
    mkdirSync(dir, { recursive: true })
  } catch (error) {
    throw unwritable(dir, error)
  }
  const before = readRecord(dir, fingerprint)?.numbers.path
  const { step, losses, looks } = state
  const stored = storeFile(join(dir, `step-${step}-${looks.length}.f32`), arraysOf(state))
  const numbers = { ...stored, path: basename(stored.path) }
  syncNames(dir) // the file must be there before the record that names it
  const record: TrainingRecord = { format: FORMAT, fingerprint, step, losses, looks, numbers }
  storeFile(join(dir, RECORD_FILE), [Buffer.from(sealJson(record))])
  syncNames(dir)
  if (before !== undefined && before !== numbers.path) rmSync(join(dir, before), { force: true })
}

function arraysOf({ values, moments, best }: TrainState): Float32Array[] {
  return [values, moments.first, moments.second, best]
}

function readRecord(dir: string, fingerprint: Fingerprint): TrainingRecord | null {
  const record = readSealed(join(dir, RECORD_FILE)) as TrainingRecord | null | undefined
  if (record === undefined) return null
  if (record?.format !== FORMAT) throw damaged(dir, RECORD_FILE)
  const told = differencesInWords(record.fingerprint, fingerprint)
  return told === null ? record : refuseOtherRecovery(dir, told)
}

/**
 * @param told - the difference in words, which follow "another"
 * @throws {OutputError} OUTPUT_OTHER_RECOVERY, always
 */
export function refuseOtherRecovery(dir: string, told: string): never {
  throw new OutputError({
    code: 'OUTPUT_OTHER_RECOVERY',
    what: `${dir} holds an unfinished recovery, but with another ${told}`,
    hint: 'Give the same model, text and settings to go on with it; or remove that directory, or choose another --out.',
  })
}

function damaged(dir: string, name: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_CHECKPOINT_DAMAGED',
    what: `${join(dir, name)}, of an unfinished recovery, is not as it was written`,
    hint: `Remove ${dir} and start again from the first step.`,
  })
}

/** Empties a directory that holds the checkpoint of another recovery, or a damaged one. */
export function clearOtherTraining(dir: string, fingerprint: Fingerprint): void {
  try {
    readRecord(dir, fingerprint)
  } catch (error) {
    if (!(error instanceof OutputError)) throw error
    rmSync(dir, { recursive: true, force: true })
  }
}
