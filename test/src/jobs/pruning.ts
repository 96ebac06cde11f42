/** A prune of a few seconds that tests interrupt. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PruneArgs } from '../../../src/jobs/prune/prune-args.ts'
import { fixturePath } from '../../support/shared.ts'

export const BLOCKS = 5
const WINDOW = 256

/** @param windows - what a block costs follows from it: 64 take some tenths of a second */
export function pruneArgs(out: string, windows: number): PruneArgs {
  return {
    dir: fixturePath('stories260k'),
    pruner: 'sparsegpt',
    target: { kind: 'unstructured', ppm: 500_000 },
    blocks: Array.from({ length: BLOCKS }, (_, block) => block),
    windows: {
      ids: Int32Array.from({ length: windows * WINDOW }, (_, i) => (i * 7 + ((i * i) % 11)) % 500),
      count: windows,
      length: WINDOW,
    },
    weights: [],
    out,
    as: 'stored',
    resume: { modelHash: new Uint8Array(32).fill(7), other: 'refuse' },
  }
}

/** How many blocks a checkpoint's record names; 0 where there is none. */
export function recorded(out: string): number {
  if (!existsSync(join(out, 'progress.json'))) return 0
  return JSON.parse(readFileSync(join(out, 'progress.json'), 'utf8')).value.blocks.length
}
