/**
 * The place of a training's record. It has its own file, so that a caller who only asks whether there is a record does
 * not load ONNX Runtime.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Name of the record in the checkpoint's directory. */
export const RECORD_FILE = 'training.json'

/** Whether a directory holds the checkpoint of a training, of any recovery. */
export function holdsTraining(dir: string): boolean {
  return existsSync(join(dir, RECORD_FILE))
}
