/** Where a training's record lies. Apart from it, so that who only asks whether there is one loads no ONNX Runtime. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** In the checkpoint's directory. */
export const RECORD_FILE = 'training.json'

/** Whether a directory holds a training, of whatever recovery. */
export function holdsTraining(dir: string): boolean {
  return existsSync(join(dir, RECORD_FILE))
}
