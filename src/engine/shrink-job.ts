/** How a model is shrunk: what goes is chosen, cut out and written. */
import { statSync } from 'node:fs'
import { Decoder } from '../model/decoder.ts'
import { expectedRun } from '../model/write.ts'
import { chooseBlocks } from '../structure/choose-blocks.ts'
import { chooseChannels } from '../structure/choose-channels.ts'
import { compensate } from '../structure/compensate.ts'
import { dropBlocks } from '../structure/drop-blocks.ts'
import { followBlocks } from '../structure/find.ts'
import { assertNames, writeHuggingFace } from '../structure/hugging-face.ts'
import { BATCH_TOKENS } from '../structure/importances.ts'
import { chooseRemoval } from '../structure/removal.ts'
import { slice } from '../structure/slice.ts'
import { sliceWidth } from '../structure/slice-width.ts'
import type { Structure } from '../structure/structures.ts'
import { assertUniform } from '../structure/uniform.ts'
import { widthOf } from '../structure/width.ts'
import { expectedSliced, notesOf, raceOf, writeSliced } from '../structure/write.ts'
import { expectedShallow, writeShallow } from '../structure/write-shallow.ts'
import { writeNarrow } from '../structure/write-width.ts'
import type { JobContext, Jobs } from './jobs.ts'

type Args = Jobs['shrink']['args']
type Result = Jobs['shrink']['result']

export function shrink(decoder: Decoder, args: Args, context: JobContext): Promise<Result> {
  return SHRINKING[args.granularity](decoder, args, context)
}

const SHRINKING: Readonly<Record<Args['granularity'], typeof shrink>> = {
  block: shrinkBlocks,
  layer: dropLayers,
  channel: narrow,
}

/** Hidden channels go, the same of the whole model. */
async function narrow(
  decoder: Decoder,
  { importance, seed, reduction, ratio, windows, out, check }: Args,
  { signal }: JobContext,
): Promise<Result> {
  if (importance === 'taylor2' || importance === 'flap' || importance === 'flap-adaptive')
    throw new RangeError(`${importance} has no score for hidden channels`)
  const width = await widthOf(decoder)
  const job = { importance, seed, reduction, ratio, windows, perBatch: windowsTogether(windows), signal }
  const removed = await chooseChannels(decoder, width, job)
  const narrower = sliceWidth(decoder, width, removed)
  writeNarrow(decoder, narrower, width, width.channels - removed.length, out)
  return {
    ...written(decoder, out),
    removed: decoder.forms.map((_, block) => ({ block, hiddenChannels: removed.length })),
    notes: [],
    // A norm over fewer channels is another one: zeros in the base would not show what is to be computed.
    run: await expectedRun(Decoder.open(out), () => undefined, out, check),
    race: raceOf(decoder, narrower, { dir: out, ids: check }),
  }
}

/** Whole blocks go. */
async function dropLayers(
  decoder: Decoder,
  { importance, seed, ratio, blocks, windows, out, check }: Args,
  { signal }: JobContext,
): Promise<Result> {
  if (importance === 'flap' || importance === 'flap-adaptive')
    throw new RangeError('FLAP has no score for whole blocks')
  const perBatch = windowsTogether(windows)
  const dropped = await chooseBlocks(decoder, { importance, seed, ratio, blocks, windows, perBatch, signal })
  const shallow = dropBlocks(decoder, dropped)
  writeShallow(decoder, shallow, dropped, out)
  return {
    ...written(decoder, out),
    removed: dropped.map((block) => ({ block, whole: true })),
    notes: [],
    run: await expectedShallow(decoder, shallow, dropped, { dir: out, ids: check }),
    race: raceOf(decoder, shallow, { dir: out, ids: check }),
  }
}

/** Heads and channels go, block by block. */
async function shrinkBlocks(
  decoder: Decoder,
  { importance, seed, reduction, ratio, steps, groupQueries, uniform, blocks, windows, out, check }: Args,
  { signal }: JobContext,
): Promise<Result> {
  const perBatch = windowsTogether(windows)
  if (uniform) assertNames(decoder)
  const followed = await followBlocks(decoder, groupQueries)
  const structures = followed.map((block) => block.structures)
  const job = { importance, seed, reduction, ratio, steps, blocks, windows, perBatch, signal }
  const removals = await chooseRemoval(decoder, structures, job)
  if (uniform) assertUniform(decoder, removals)
  const byBlock = new Map(removals.map(({ block, removed }) => [block, removed]))
  const sliced = slice(
    decoder,
    followed,
    followed.map((_, block) => byBlock.get(block)),
  )
  for (const { shifts } of removals) if (shifts) compensate(sliced, shifts)
  writeSliced(decoder, sliced, removals, out)
  const run = await expectedSliced(decoder, sliced, removals, { dir: out, ids: check })
  const count = (block: number, kind: Structure['kind']) =>
    (byBlock.get(block) ?? [])
      .filter(({ structure }) => structure.kind === kind)
      .reduce((sum, { units }) => sum + units.length, 0)
  if (uniform) writeHuggingFace(decoder, removals, Decoder.open(out))
  return {
    ...written(decoder, out),
    removed: removals.map(({ block }) => ({
      block,
      kvHeads: count(block, 'heads'),
      queryHeads: count(block, 'queries'),
      channels: count(block, 'channels'),
    })),
    notes: notesOf(decoder, removals, groupQueries),
    run,
    race: raceOf(decoder, sliced, { dir: out, ids: check }),
  }
}

function windowsTogether({ length }: Args['windows']): number {
  return Math.max(1, Math.floor(BATCH_TOKENS / length))
}

function written(decoder: Decoder, out: string): Pick<Result, 'parameters' | 'macs' | 'bytes'> {
  const smaller = Decoder.open(out)
  return {
    parameters: smaller.parameters,
    macs: { before: decoder.macs, after: smaller.macs },
    bytes: { before: size(decoder), after: size(smaller) },
  }
}

function size(decoder: Decoder): number {
  return decoder.files.reduce((sum, path) => sum + statSync(path).size, 0)
}
