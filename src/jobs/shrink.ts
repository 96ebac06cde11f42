/** How a model is shrunk: what goes is chosen, cut out and written. */
import { statSync } from 'node:fs'
import { ppmToFraction } from '../base/decimal.ts'
import { Decoder } from '../model/forward/decoder.ts'
import { someWindows } from '../model/text/text.ts'
import { type ExpectedRun, expectedRun } from '../model/write/write.ts'
import { blocksToRemove, chooseBlocks } from '../structure/choose/choose-blocks.ts'
import { channelsToRemove, chooseChannels } from '../structure/choose/choose-channels.ts'
import { chooseRemoval, unitScoresOf } from '../structure/choose/choose-removal.ts'
import { refuseNothing, removesAny } from '../structure/choose/nothing-removed.ts'
import { BATCH_TOKENS } from '../structure/choose/offered-importance.ts'
import { reachParameters } from '../structure/choose/search-ratio.ts'
import { widthOf } from '../structure/choose/width.ts'
import { compensate } from '../structure/cut/compensate.ts'
import { dropBlocks } from '../structure/cut/drop-blocks.ts'
import { slice } from '../structure/cut/slice.ts'
import { sliceWidth } from '../structure/cut/slice-width.ts'
import { type FollowedBlock, followBlocks } from '../structure/find/follow-blocks.ts'
import type { Removal } from '../structure/find/removal.ts'
import type { Structure } from '../structure/find/structure.ts'
import { assertNames, writeHuggingFace } from '../structure/write/hugging-face.ts'
import { assertUniform } from '../structure/write/uniform.ts'
import { expectedSliced, notesOf, raceOf, writeSliced } from '../structure/write/write.ts'
import { writeNarrow } from '../structure/write/write-narrow.ts'
import { writeRefitted } from '../structure/write/write-refitted.ts'
import { expectedShallow, writeShallow } from '../structure/write/write-shallow.ts'
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
  { importance, seed, reduction, amount, windows, out, check, apart, done }: Args,
  { signal }: JobContext,
): Promise<Result> {
  if (importance === 'flap' || importance === 'flap-adaptive')
    throw new RangeError('FLAP has no score for hidden channels')
  const width = await widthOf(decoder)
  const job = { importance, seed, reduction, windows, perBatch: windowsTogether(windows), signal }
  const removed = await chooseChannels(decoder, width, channelsToRemove(decoder, width, amount), job)
  if (removed.length === 0) refuseNothing({ amount, unit: 'hidden channel', units: width.channels })
  const narrower = sliceWidth(decoder, width, removed)
  writeNarrow(decoder, narrower, width, width.channels - removed.length, out, { apart, done })
  return {
    ...written(decoder, out),
    removed: decoder.forms.map((_, block) => ({ block, hiddenChannels: removed.length })),
    sought: null,
    notes: [],
    // A norm over fewer channels is another one: zeros in the base would not show what is to be computed.
    run: await expectedRun(Decoder.open(out), () => undefined, out, check),
    race: raceOf(decoder, narrower, { dir: out, ids: check }),
  }
}

/** Whole blocks go. */
async function dropLayers(
  decoder: Decoder,
  { importance, seed, amount, blocks: range, windows, out, check, apart, done }: Args,
  { signal }: JobContext,
): Promise<Result> {
  if (importance === 'flap' || importance === 'flap-adaptive')
    throw new RangeError('FLAP has no score for whole blocks')
  const perBatch = windowsTogether(windows)
  const blocks = range ?? ([0, decoder.blocks] as const)
  const job = { importance, seed, blocks, windows, perBatch, signal }
  const dropped = await chooseBlocks(decoder, blocksToRemove(decoder, blocks, amount), job)
  if (dropped.length === 0) refuseNothing({ amount, unit: 'block', units: blocks[1] - blocks[0] })
  const shallow = dropBlocks(decoder, dropped)
  writeShallow(decoder, shallow, dropped, out, { apart, done })
  return {
    ...written(decoder, out),
    removed: dropped.map((block) => ({ block, whole: true })),
    sought: null,
    notes: [],
    run: await expectedShallow(decoder, shallow, dropped, { dir: out, ids: check }),
    race: raceOf(decoder, shallow, { dir: out, ids: check }),
  }
}

/** Heads and channels go, block by block. */
async function shrinkBlocks(decoder: Decoder, args: Args, context: JobContext): Promise<Result> {
  const { groupQueries, uniform, refit, windows, out, check, apart, done } = args
  const beside = { apart, done }
  if (uniform) assertNames(decoder)
  const followed = await followBlocks(decoder, groupQueries)
  assertSomething(decoder, followed, args)
  const { removals, sought } = await chosen(decoder, followed, args, context)
  if (uniform) assertUniform(decoder, removals)
  const byBlock = new Map(removals.map(({ block, removed }) => [block, removed]))
  const sliced = slice(
    decoder,
    followed,
    followed.map((_, block) => byBlock.get(block)),
  )
  for (const { shifts } of removals) if (shifts) compensate(sliced, shifts)
  let run: ExpectedRun
  if (refit) {
    const { signal } = context
    run = await writeRefitted(decoder, { followed, sliced, removals, windows, uniform, out, beside, check, signal })
  } else {
    writeSliced(decoder, sliced, removals, out, beside)
    if (uniform) writeHuggingFace(decoder, removals, Decoder.open(out))
    run = await expectedSliced(decoder, sliced, removals, { dir: out, ids: check })
  }
  const count = (block: number, kind: Structure['kind']) =>
    (byBlock.get(block) ?? [])
      .filter(({ structure }) => structure.kind === kind)
      .reduce((sum, { units }) => sum + units.length, 0)
  return {
    ...written(decoder, out),
    removed: removals.map(({ block }) => ({
      block,
      kvHeads: count(block, 'heads'),
      queryHeads: count(block, 'queries'),
      channels: count(block, 'channels'),
    })),
    sought,
    notes: notesOf(decoder, removals, groupQueries),
    run,
    race: raceOf(decoder, sliced, { dir: out, ids: check }),
  }
}

/** @throws {UsageError} NOTHING_REMOVED; what seeks a share finds one that removes something */
function assertSomething(decoder: Decoder, followed: readonly FollowedBlock[], { amount, blocks, importance }: Args) {
  if (!('gone' in amount)) return
  const [from, to] = blocks ?? [0, decoder.blocks]
  const structures = followed.slice(from, to).map((block) => block.structures)
  const adaptive = importance === 'flap-adaptive'
  if (removesAny(decoder, structures, { from, ppm: amount.gone, adaptive })) return
  const units = Math.max(0, ...structures.flat().map((structure) => structure.units / structure.groups))
  refuseNothing({ amount, unit: 'head or channel', units })
}

/** Of so many windows one is kept out of the importances, to see what harms least. */
const HELD_SHARE = 4

/** What goes: by a share in a range of blocks, or so that a share of the parameters is left. */
async function chosen(
  decoder: Decoder,
  followed: readonly FollowedBlock[],
  { importance, seed, reduction, amount, steps, uniform, blocks, windows }: Args,
  { signal, emit }: JobContext,
): Promise<{ removals: Removal[]; sought: Result['sought'] }> {
  const perBatch = windowsTogether(windows)
  const structures = followed.map((block) => block.structures)
  const all = [0, decoder.blocks] as const
  const job = { seed, reduction, blocks: blocks ?? all, perBatch, signal }
  if ('gone' in amount) {
    return {
      removals: await chooseRemoval(decoder, structures, { ...job, importance, windows, ppm: amount.gone, steps }),
      sought: null,
    }
  }
  if (importance === 'flap' || importance === 'flap-adaptive') throw new RangeError('FLAP seeks nothing')
  const kept = Math.floor(windows.count / HELD_SHARE)
  const [learnt, held] =
    kept === 0
      ? [windows, windows]
      : [someWindows(windows, 0, windows.count - kept), someWindows(windows, windows.count - kept, kept)]
  const reached = await reachParameters(decoder, {
    structures,
    scores: await unitScoresOf(decoder, structures, { ...job, importance, windows: learnt }),
    left: amount.left,
    blocks: blocks ?? (uniform ? all : undefined),
    held,
    signal,
    onTried: (done, total) => emit({ type: 'progress', done, total }),
  })
  const heads = reached.removals.some(({ removed }) =>
    removed.some(({ structure, units }) => structure.kind !== 'channels' && units.length > 0),
  )
  return { removals: reached.removals, sought: { ratio: ppmToFraction(reached.gone), blocks: reached.blocks, heads } }
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
