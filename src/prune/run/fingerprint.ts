/** All that decides the result of a prune. A prune goes on from a checkpoint only if these are the same. */
import { digest, type Fingerprint, fingerprint, SHOWN_DIGITS } from '../../files/fingerprint.ts'
import type { PrunerName, SparsityTarget } from '../../form/method.ts'
import type { Windows } from '../../form/windows.ts'

export interface PruneInputs {
  /** The model's name, for messages. */
  modelName: string
  /** SHA-256 of the model: see model/forward/hash.ts. */
  modelHash: Uint8Array
  windows: Windows | undefined
  pruner: PrunerName
  target: SparsityTarget
  /** The blocks to prune, in ascending order. */
  blocks: readonly number[]
  /** The form in which a pruned block is written. */
  as: 'contribution' | 'moments' | 'stored'
  /**
   * The weights of blocks that are not pruned, where they are not the base's: SHA-256 of each block's file,
   * hexadecimal.
   */
  weights: readonly { block: number; digest: string }[]
}

/** The number of a form changes when a prune of the same inputs gives other bits in it than before. */
const DOMAINS = { stored: 'coppice/prune/1', contribution: 'coppice/prune/2', moments: 'coppice/prune/2' } as const

export function fingerprintOf({ modelName, modelHash, windows, ...inputs }: PruneInputs): Fingerprint {
  const { pruner, target, blocks, as } = inputs
  const domain = DOMAINS[as]
  const shape = windows === undefined ? null : [windows.count, windows.length]
  const weights = [...inputs.weights].sort((a, b) => a.block - b.block).map((each) => [each.block, each.digest])
  const targetParts = target.kind === 'pattern' ? [target.n, target.m] : [target.ppm]
  const mergedDigits = digest(domain, [JSON.stringify(weights)]).slice(0, SHOWN_DIGITS)
  const words = [
    pruner,
    targetWords(target),
    ...(shape === null ? [] : [`${shape[0]} windows of ${shape[1]}`]),
    `blocks ${ranges(blocks)}`,
    ...(weights.length === 0 ? [] : [`merged weights ${mergedDigits}`]),
  ]
  const settings = [pruner, target.kind, targetParts, shape, blocks, as, weights]
  return fingerprint({ domain, modelName, modelHash, windows, settings, words: words.join(', ') })
}

function targetWords(target: SparsityTarget): string {
  return target.kind === 'pattern' ? `pattern ${target.n}:${target.m}` : `sparsity ${target.ppm / 1e6}`
}

/** Block numbers in short: 0-3,5,7-9. */
function ranges(blocks: readonly number[]): string {
  const runs: [from: number, to: number][] = []
  for (const block of blocks) {
    const run = runs.at(-1)
    if (run !== undefined && run[1] === block - 1) run[1] = block
    else runs.push([block, block])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}
