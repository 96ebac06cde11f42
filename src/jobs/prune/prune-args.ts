/** The arguments of a prune. The same arguments ask for the state of an unfinished one. */
import type { Fingerprint } from '../../files/fingerprint.ts'
import { digestOf } from '../../files/stored-file.ts'
import type { PrunerName, SparsityTarget } from '../../form/method.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { OtherPrune } from '../../prune/run/checkpoint.ts'
import { fingerprintOf } from '../../prune/run/fingerprint.ts'
import type { BlockFile } from '../block-files.ts'

export interface PruneArgs {
  dir: string
  pruner: PrunerName
  target: SparsityTarget
  /** Block numbers, ascending. */
  blocks: number[]
  windows: Windows | undefined
  weights: BlockFile[]
  out: string
  /**
   * Contributions of the pruner's payload; mean squares, with the second moments and the pruned block beside them; or
   * float32 weights.
   */
  as: 'contribution' | 'moments' | 'stored'
  /** null: no checkpoint is kept. */
  resume: { modelHash: Uint8Array; other: OtherPrune } | null
}

export function fingerprintOfArgs(decoder: Decoder, args: PruneArgs, modelHash: Uint8Array): Fingerprint {
  const weights = args.weights.map(({ block, path }) => ({ block, digest: digestOf(path) }))
  return fingerprintOf({ ...args, modelName: decoder.name, modelHash, weights })
}
