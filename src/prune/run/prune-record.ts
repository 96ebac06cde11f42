/** The record of a prune's checkpoint. Apart from it: who only asks whether there is one loads no ONNX Runtime. */
import type { StoredFile } from '../../files/stored-file.ts'
import { UnfinishedRecord } from '../../files/unfinished.ts'
import type { BlockFit } from '../../form/block-fit.ts'
import type { SpilledStream } from '../../model/forward/spilled-stream.ts'
import type { PruneSeconds } from './sequential.ts'

export interface FinishedBlock {
  block: number
  /** The file of the block, in the checkpoint's directory. */
  file: StoredFile
  /** Other files that belong to the block. */
  beside?: StoredFile[]
  /** As in BlockFit. */
  damping: BlockFit['damping']
  error: BlockFit['error']
}

export interface PruneProgress {
  /** The finished blocks, ascending; a file's `path` is its name. */
  blocks: FinishedBlock[]
  /** Seconds of the finished blocks. */
  seconds: PruneSeconds
  /**
   * The stream in front of the block after the last finished one; null: no block is left to prune, or there is no text.
   */
  stream: SpilledStream | null
}

/** The record in the checkpoint's directory. It exists once a block is finished. */
export const PRUNE_RECORD = new UnfinishedRecord<PruneProgress>({
  ...{ name: 'progress.json', format: 2, work: 'prune', other: { code: 'OUTPUT_OTHER_PRUNE' } },
  anew: ': all blocks are pruned anew',
})
