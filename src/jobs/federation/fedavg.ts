/** The job of the FedAvg baseline: plain averages over all contributors under the merged mask. */
import { readFileSync } from 'node:fs'
import { storeBlock } from '../../files/block-store.ts'
import type { SparseMethod } from '../../form/method.ts'
import { fedavgBlock } from '../../merge/masks/l0.ts'
import { decodeMergedBlock } from '../../merge/masks/merged-block.ts'
import type { Bench } from '../bench.ts'
import { readContributions } from './contribution-files.ts'

interface FedavgArgs extends SparseMethod {
  dir: string
  block: number
  paths: string[]
  merged: string
  out: string
}

export async function fedavg(
  { dir, pruner, target, block, paths, merged, out }: FedavgArgs,
  bench: Bench,
): Promise<{ path: string }> {
  const decoder = bench.open(dir)
  const form = decoder.forms[block]
  const contributions = readContributions(form, pruner, paths)
  const base = decoder.baseWeights(block)
  const average = fedavgBlock(
    { form, method: { pruner, target }, base },
    contributions,
    decodeMergedBlock(form, readFileSync(merged)),
  )
  return { path: (await storeBlock(out, block, average)).path }
}
