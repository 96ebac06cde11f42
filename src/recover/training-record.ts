/** The record of a training. Apart from its checkpoint: who only asks whether there is one loads no ONNX Runtime. */
import type { StoredFile } from '../files/stored-file.ts'
import { UnfinishedRecord } from '../files/unfinished.ts'
import type { Look } from './train.ts'

interface Training {
  step: number
  losses: number[]
  looks: Look[]
  /** Values, first and second moments, best values, float32 each; `path` is a name. */
  numbers: StoredFile
}

/** In the checkpoint's directory. */
export const TRAINING_RECORD = new UnfinishedRecord<Training>({
  ...{ name: 'training.json', format: 1, work: 'recovery', other: { code: 'OUTPUT_OTHER_RECOVERY' } },
  anew: ' from the first step',
})
