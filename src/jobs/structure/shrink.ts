/** The job of shrinking a model: what goes is chosen, cut out and written. */
import { statSync } from 'node:fs'
import { Decoder } from '../../model/forward/decoder.ts'
import type { Bench } from '../bench.ts'
import type { JobContext } from '../job.ts'
import { removeHeadsAndChannels } from './heads-and-channels.ts'
import { removeHiddenChannels } from './hidden-channels.ts'
import type { ShrinkArgs, ShrunkModel } from './shrink-args.ts'
import { removeBlocks } from './whole-blocks.ts'

const REMOVE = { block: removeHeadsAndChannels, layer: removeBlocks, channel: removeHiddenChannels } as const

export async function shrink(args: ShrinkArgs, bench: Bench, context: JobContext): Promise<ShrunkModel> {
  const { dir, granularity, out, done } = args
  const decoder = bench.open(dir)
  const removed = await REMOVE[granularity](decoder, { ...args, beside: { apart: bench.apart, done } }, context)
  const smaller = Decoder.open(out)
  return {
    ...removed,
    run: { ...removed.run, threads: bench.threads },
    parameters: smaller.parameters,
    macs: { before: decoder.macs, after: smaller.macs },
    bytes: { before: size(decoder), after: size(smaller) },
  }
}

function size(decoder: Decoder): number {
  return decoder.files.reduce((sum, path) => sum + statSync(path).size, 0)
}
