/** Removes heads and channels, block by block. */
import { ppmToFraction } from '../../base/decimal.ts'
import { Decoder } from '../../model/forward/decoder.ts'
import { someWindows } from '../../model/text/text.ts'
import type { ExpectedRun } from '../../model/write/write.ts'
import type { KeptShare } from '../../structure/choose/amount.ts'
import { chooseRemoval, unitScoresOf } from '../../structure/choose/choose-removal.ts'
import { refuseNothing, removesAny } from '../../structure/choose/nothing-removed.ts'
import { windowsTogether } from '../../structure/choose/offered-importance.ts'
import { reachParameters } from '../../structure/choose/search-ratio.ts'
import { compensate } from '../../structure/cut/compensate.ts'
import { sliceStructures } from '../../structure/cut/slice.ts'
import { followBlocks } from '../../structure/find/follow-blocks.ts'
import type { Removal } from '../../structure/find/removal.ts'
import type { Structure } from '../../structure/find/structure.ts'
import { assertNames, writeHuggingFace } from '../../structure/write/hugging-face.ts'
import { assertUniform } from '../../structure/write/uniform.ts'
import { expectedSliced, notesOf, raceOf, writeSliced } from '../../structure/write/write.ts'
import { writeRefitted } from '../../structure/write/write-refitted.ts'
import type { JobContext } from '../job.ts'
import type { HeadsAndChannels, Removed, RemovingJob } from './shrink-args.ts'

/**
 * Chooses the units of each block and writes the smaller model.
 * @throws {UsageError} NOTHING_REMOVED; {InputError} as followBlocks, the choice and the writing do
 */
export async function removeHeadsAndChannels(
  decoder: Decoder,
  what: HeadsAndChannels,
  job: RemovingJob,
  context: JobContext,
): Promise<Removed> {
  const { groupQueries } = what
  const { windows, out, check, beside } = job
  const uniform = 'uniform' in what && what.uniform
  if (uniform) assertNames(decoder)
  const followed = await followBlocks(decoder, groupQueries)
  const structures = followed.map((block) => block.structures)
  const { removals, sought } = isSought(what)
    ? await removalsBySearch(decoder, structures, what, job, context)
    : { removals: await removalsByShare(decoder, structures, what, job, context), sought: null }
  if (uniform) assertUniform(decoder, removals)
  const byBlock = new Map(removals.map(({ block, removed }) => [block, removed]))
  const sliced = sliceStructures(
    decoder,
    followed,
    followed.map((_, block) => byBlock.get(block)),
  )
  for (const { shifts } of removals) if (shifts) compensate(sliced, shifts)
  let run: ExpectedRun
  if ('refit' in what && what.refit) {
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

type Sought = Extract<HeadsAndChannels, { amount: KeptShare }>

function isSought(what: HeadsAndChannels): what is Sought {
  return 'left' in what.amount
}

/** Removes a share of the places of each structure in a range of blocks. @throws {UsageError} NOTHING_REMOVED */
async function removalsByShare(
  decoder: Decoder,
  structures: Structure[][],
  what: Exclude<HeadsAndChannels, Sought>,
  { windows }: RemovingJob,
  { signal }: JobContext,
): Promise<Removal[]> {
  const { amount, importance } = what
  const blocks = what.blocks ?? ([0, decoder.blocks] as const)
  const [from, to] = blocks
  const inRange = structures.slice(from, to)
  const adaptive = importance === 'flap-adaptive'
  if (!removesAny(decoder, inRange, { from, ppm: amount.gone, adaptive })) {
    const units = Math.max(0, ...inRange.flat().map((structure) => structure.units / structure.groups))
    refuseNothing({ amount, unit: 'head or channel', units })
  }
  const perBatch = windowsTogether(windows)
  return chooseRemoval(decoder, structures, { ...what, ppm: amount.gone, blocks, windows, perBatch, signal })
}

/** One of this many windows is held out from the importances, to compare candidates on. */
const HELD_SHARE = 4

/** Removes units until a share of the parameters is left. The search always removes some. */
async function removalsBySearch(
  decoder: Decoder,
  structures: Structure[][],
  what: Sought,
  { windows }: RemovingJob,
  { signal, emit }: JobContext,
): Promise<Pick<Removed, 'sought'> & { removals: Removal[] }> {
  const all = [0, decoder.blocks] as const
  const { blocks, uniform, amount } = what
  const kept = Math.floor(windows.count / HELD_SHARE)
  const [learnt, held] =
    kept === 0
      ? [windows, windows]
      : [someWindows(windows, 0, windows.count - kept), someWindows(windows, windows.count - kept, kept)]
  const scored = { ...what, blocks: blocks ?? all, windows: learnt, perBatch: windowsTogether(windows), signal }
  const reached = await reachParameters(decoder, {
    structures,
    scores: await unitScoresOf(decoder, structures, scored),
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
