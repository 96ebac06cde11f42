/** The baselines of a federation: sites alone, one with the text of all, and plain averages under the same masks. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ALONE } from '../../src/form/merging.ts'
import type { SparseMethod, StructuredMethod } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import type { BlockFile } from '../../src/jobs/block-files.ts'
import { blockOfSlot, slotsOfRound } from '../../src/merge/slots.ts'
import { type EngineRun, labelled } from './engine.ts'
import type { EvaluatedText } from './perplexities.ts'

/** The perplexity on each text, one value a text. */
export async function evaluateAll(
  work: EngineRun,
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

export interface Alone {
  work: EngineRun
  /** The base model's directory, and its SHA-256. */
  dir: string
  hash: Uint8Array
  blocks: number
  rounds: number
  scratch: string
}

/** A site, and the windows on which it calibrates. */
export interface LoneSite {
  name: string
  windows: Windows
}

/** Prunes all blocks on the windows of one site. The next site's call overwrites the files. */
export async function isolated(
  { work, dir, blocks: count, scratch }: Alone,
  { pruner, target }: SparseMethod,
  { name, windows }: LoneSite,
): Promise<BlockFile[]> {
  const out = await freshDirectory(scratch, 'isolated')
  const files: BlockFile[] = []
  const blocks = Array.from({ length: count }, (_, block) => block)
  await labelled(
    work,
    `${name} prunes alone`,
    'prune',
    { dir, pruner, target, blocks, windows, weights: [], out, as: 'stored', resume: null },
    ({ block, path }) => files.push({ block, kind: 'stored', path }),
  )
  return files
}

/**
 * Removes structures by the importances of one site, and trains on its windows alone, round by round. Yields the model
 * after each round.
 */
export async function* isolatedRounds(
  { work, dir, hash, blocks: count, rounds, scratch }: Alone,
  method: StructuredMethod,
  { name, windows }: LoneSite,
): AsyncGenerator<BlockFile[]> {
  const out = await freshDirectory(scratch, 'isolated')
  const { target } = method
  const blocks = Array.from({ length: count }, (_, block) => block)
  /** The newest contribution to each slot. */
  const paths: string[] = []
  let weights: BlockFile[] = []
  for (let round = 1; round <= rounds; round++) {
    const label = round === 1 ? `${name} measures alone` : `${name} trains alone, round ${round}`
    const slots = slotsOfRound({ method, rounds }, count, round, blocks)
    const job = { dir, target, rounds, slots, windows, weights, out, modelHash: hash }
    await labelled(work, label, 'contribute', job, ({ block: slot, path }) => (paths[slot] = path))
    const merged: BlockFile[] = []
    for (const block of blocks) {
      const path = join(out, `merged-${round}-${block}`)
      await work.engine.run('merge', {
        dir,
        method,
        block,
        paths: paths.filter((_, slot) => blockOfSlot(slot, count) === block),
        merging: ALONE,
        out: path,
        previous: null,
      })
      merged.push({ block, kind: 'structured', path })
    }
    weights = merged
    yield weights
  }
}

/**
 * Averages contributions under the merged masks: the sum over the contributors divided by their number. Returns one
 * file a merged block.
 */
export async function fedavg(
  work: EngineRun,
  dir: string,
  { pruner, target }: SparseMethod,
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
