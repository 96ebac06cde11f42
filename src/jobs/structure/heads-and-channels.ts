/** Heads and channels go, block by block. */
import { ppmToFraction } from '../../base/decimal.ts'
import { Decoder } from '../../model/forward/decoder.ts'
import { someWindows } from '../../model/text/text.ts'
import type { ExpectedRun } from '../../model/write/write.ts'
import { chooseRemoval, unitScoresOf } from '../../structure/choose/choose-removal.ts'
import { refuseNothing, removesAny } from '../../structure/choose/nothing-removed.ts'
import { windowsTogether } from '../../structure/choose/offered-importance.ts'
import { reachParameters } from '../../structure/choose/search-ratio.ts'
import { compensate } from '../../structure/cut/compensate.ts'
import { slice } from '../../structure/cut/slice.ts'
import { type FollowedBlock, followBlocks } from '../../structure/find/follow-blocks.ts'
import type { Removal } from '../../structure/find/removal.ts'
import type { Structure } from '../../structure/find/structure.ts'
import { assertNames, writeHuggingFace } from '../../structure/write/hugging-face.ts'
import { assertUniform } from '../../structure/write/uniform.ts'
import { expectedSliced, notesOf, raceOf, writeSliced } from '../../structure/write/write.ts'
import { writeRefitted } from '../../structure/write/write-refitted.ts'
import type { JobContext } from '../job.ts'
import type { Removed, RemovingArgs } from './shrink-args.ts'

/** Heads and channels go, block by block. */
export async function removeHeadsAndChannels(
  decoder: Decoder,
  args: RemovingArgs,
  context: JobContext,
): Promise<Removed> {
  const { groupQueries, uniform, refit, windows, out, check, beside } = args
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
function assertSomething(
  decoder: Decoder,
  followed: readonly FollowedBlock[],
  { amount, blocks, importance }: RemovingArgs,
) {
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
  { importance, seed, reduction, amount, steps, uniform, blocks, windows }: RemovingArgs,
  { signal, emit }: JobContext,
): Promise<{ removals: Removal[]; sought: Removed['sought'] }> {
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
