/**
 * The federation that stands beside one that pools: the same sites, by FedSpaLLM's rule, in one open round in which
 * each site prunes all blocks.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mergedFiles } from '../../../peers/work/engine-work.ts'
import { PPM } from '../../../src/base/decimal.ts'
import type { BlockFit } from '../../../src/form/block-fit.ts'
import type { BlockFile } from '../../../src/jobs/block-files.ts'
import { type FoundInit, foundSimulated } from './federation.ts'

/** The result of that federation, while its files are there. */
export interface BesideL0 {
  merged: BlockFile[]
  /** The files of the contributions to each block. */
  contributions: ReadonlyMap<number, string[]>
  /** Block -> figures of the merge. */
  fits: ReadonlyMap<number, BlockFit>
}

/** Runs it, and hands over its result. */
export async function besideL0(init: FoundInit, use: (result: BesideL0) => Promise<void>): Promise<void> {
  const { options, scratch: parent, sites, work } = init
  const [scratch, out] = [join(parent, 'l0'), join(parent, 'l0', 'out')]
  await mkdir(out, { recursive: true })
  const plan = { ...options.plan, merge: 'l0', masked: false, rounds: 1, sample: PPM } as const
  await using federation = await foundSimulated({
    ...init,
    options: { ...options, plan, seed: options.seed + 1 },
    sites: sites.map((site) => ({ ...site, capacity: PPM })),
    ...{ out, scratch },
  })
  let merged: BlockFile[] = []
  const outcome = await federation.run({
    onProgress: (text) => work.terminal.progress(`l0: ${text}`),
    async onRound(round) {
      merged = mergedFiles(round.merged, init.method)
    },
  })
  await use({ merged, contributions: outcome.contributions, fits: outcome.fits })
}
