/** The record of a prune's checkpoint. Apart from it: who only asks whether there is one loads no ONNX Runtime. */
import type { StoredFile } from '../../files/stored-file.ts'
import { UnfinishedRecord } from '../../files/unfinished.ts'
import type { SpilledStream } from '../../model/forward/spilled-stream.ts'
import type { PruneSeconds } from './sequential.ts'

export interface FinishedBlock {
  block: number
  /** In the checkpoint's directory. */
  file: StoredFile
  /** By role. */
  damping: (number | null)[]
}

export interface PruneProgress {
  /** Ascending; `file.path` is a name. */
  blocks: FinishedBlock[]
  /** Of the finished blocks. */
  seconds: PruneSeconds
  /** In front of the block after the last finished one; null: nothing is to be pruned behind it, or without a text. */
  stream: SpilledStream | null
}

/** In the checkpoint's directory once there is a finished block. */
export const PRUNE_RECORD = new UnfinishedRecord<PruneProgress>({
  ...{ name: 'progress.json', format: 1, work: 'prune', other: { code: 'OUTPUT_OTHER_PRUNE' } },
  anew: ': all blocks are pruned anew',
})
