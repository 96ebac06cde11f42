/** Removes whole blocks. */
import type { Decoder } from '../../model/forward/decoder.ts'
import { blocksToRemove, chooseBlocks } from '../../structure/choose/choose-blocks.ts'
import { refuseNothing } from '../../structure/choose/nothing-removed.ts'
import { windowsTogether } from '../../structure/choose/offered-importance.ts'
import { dropBlocks } from '../../structure/cut/drop-blocks.ts'
import { raceOf } from '../../structure/write/write.ts'
import { expectedShallow, writeShallow } from '../../structure/write/write-shallow.ts'
import type { JobContext } from '../job.ts'
import type { Blocks, Removed, RemovingJob } from './shrink-args.ts'

/**
 * Removes the blocks of the range that matter least.
 * @throws {UsageError} NOTHING_REMOVED; {InputError} as chooseBlocks does
 */
export async function removeBlocks(
  decoder: Decoder,
  what: Blocks,
  { windows, out, check, beside }: RemovingJob,
  { signal }: JobContext,
): Promise<Removed> {
  const { amount } = what
  const blocks = what.blocks ?? ([0, decoder.blocks] as const)
  const job = { ...what, blocks, windows, perBatch: windowsTogether(windows), signal }
  const dropped = await chooseBlocks(decoder, blocksToRemove(decoder, blocks, amount), job)
  if (dropped.length === 0) refuseNothing({ amount, unit: 'block', units: blocks[1] - blocks[0] })
  const shallow = dropBlocks(decoder, dropped)
  writeShallow(decoder, shallow, dropped, out, beside)
  return {
    removed: dropped.map((block) => ({ block, whole: true })),
    sought: null,
    notes: [],
    run: await expectedShallow(decoder, shallow, dropped, { dir: out, ids: check }),
    race: raceOf(decoder, shallow, { dir: out, ids: check }),
  }
}
