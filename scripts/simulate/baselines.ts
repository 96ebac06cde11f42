/** What the federation is compared with: each site alone, and plain averages under the same masks. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlockFile } from '../../src/engine/jobs.ts'
import { labelled, type Work } from '../work/engine.ts'
import type { SimulatedSite } from './federation.ts'
import type { SimulateOptions } from './index.ts'
import type { EvaluatedText } from './sites.ts'

/** Perplexity on each text. */
export async function evaluateAll(
  work: Work,
  dir: string,
  texts: readonly EvaluatedText[],
  weights: BlockFile[],
  label: string,
): Promise<number[]> {
  const values: number[] = []
  for (const { name, windows } of texts) {
    const { perplexity } = await labelled(work, `${label} on ${name}`, 'evaluate', { dir, windows, weights })
    values.push(perplexity)
  }
  return values
}

/** One site prunes all blocks on its own windows. The files are overwritten by the next site's. */
export async function isolated(
  work: Work,
  { model: dir, plan: { pruner, target } }: SimulateOptions,
  { name, windows }: SimulatedSite,
  blockCount: number,
  scratch: string,
): Promise<BlockFile[]> {
  const out = await freshDirectory(scratch, 'isolated')
  const files: BlockFile[] = []
  const blocks = Array.from({ length: blockCount }, (_, block) => block)
  await labelled(
    work,
    `${name} prunes alone`,
    'prune',
    { dir, pruner, target, blocks, windows, weights: [], out, as: 'stored', resume: null },
    ({ block, path }) => files.push({ block, kind: 'stored', path }),
  )
  return files
}

/** Sum over the contributors divided by their number, under the merged masks. */
export async function fedavg(
  work: Work,
  { model: dir, plan: { pruner, target } }: SimulateOptions,
  contributions: ReadonlyMap<number, string[]>,
  merged: readonly BlockFile[],
  scratch: string,
): Promise<BlockFile[]> {
  const out = await freshDirectory(scratch, 'fedavg')
  const files: BlockFile[] = []
  for (const { block, path: mergedPath } of merged) {
    const paths = contributions.get(block) ?? []
    const { path } = await labelled(work, 'Averaging', 'fedavg', {
      dir,
      pruner,
      target,
      block,
      paths,
      merged: mergedPath,
      out,
    })
    files.push({ block, kind: 'stored', path })
  }
  return files
}

async function freshDirectory(parent: string, name: string): Promise<string> {
  const path = join(parent, name)
  await rm(path, { recursive: true, force: true })
  await mkdir(path, { recursive: true })
  return path
}
