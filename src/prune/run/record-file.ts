/**
 * Where a checkpoint's record lies. Apart from it, so that who only asks whether there is one loads no ONNX Runtime.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** In the checkpoint's directory. */
export const RECORD_FILE = 'progress.json'

/** Whether a directory holds a checkpoint with at least one finished block, of whatever prune. */
export function holdsCheckpoint(dir: string): boolean {
  return existsSync(join(dir, RECORD_FILE))
}
