/**
 * The place of a checkpoint's record. It has its own file, so that a caller who only asks whether there is a checkpoint
 * does not load ONNX Runtime.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Name of the record in the checkpoint's directory. */
export const RECORD_FILE = 'progress.json'

/** Whether a directory holds a checkpoint with at least one finished block, of any prune. */
export function holdsCheckpoint(dir: string): boolean {
  return existsSync(join(dir, RECORD_FILE))
}
