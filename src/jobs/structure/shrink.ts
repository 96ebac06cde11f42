/** The job of shrinking a model: it chooses units, cuts them out and writes the smaller model. */
import { Decoder } from '../../model/forward/decoder.ts'
import type { Bench } from '../bench.ts'
import type { JobContext } from '../job.ts'
import { bytesOf } from '../model/describe.ts'
import { removeHeadsAndChannels } from './heads-and-channels.ts'
import { removeHiddenChannels } from './hidden-channels.ts'
import type { Removed, RemovingJob, Shrink, ShrinkArgs, ShrunkModel } from './shrink-args.ts'
import { removeBlocks } from './whole-blocks.ts'

export async function shrink(args: ShrinkArgs, bench: Bench, context: JobContext): Promise<ShrunkModel> {
  const { dir, what, out, done } = args
  const decoder = bench.open(dir)
  const removed = await remove(decoder, what, { ...args, beside: { apart: bench.apart, done } }, context)
  const smaller = Decoder.open(out)
  return {
    ...removed,
    run: { ...removed.run, threads: bench.threads },
    parameters: smaller.parameters,
    macs: { before: decoder.macs, after: smaller.macs },
    bytes: { before: bytesOf(decoder), after: bytesOf(smaller) },
  }
}

function remove(decoder: Decoder, what: Shrink, job: RemovingJob, context: JobContext): Promise<Removed> {
  if (what.granularity === 'heads-and-channels') return removeHeadsAndChannels(decoder, what, job, context)
  if (what.granularity === 'blocks') return removeBlocks(decoder, what, job, context)
  return removeHiddenChannels(decoder, what, job, context)
}
