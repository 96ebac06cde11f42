/** Removes hidden channels of the whole model. */
import { Decoder } from '../../model/forward/decoder.ts'
import { expectedRun } from '../../model/write/write.ts'
import { channelsToRemove, chooseChannels } from '../../structure/choose/choose-channels.ts'
import { refuseNothing } from '../../structure/choose/nothing-removed.ts'
import { windowsTogether } from '../../structure/choose/offered-importance.ts'
import { widthOf } from '../../structure/choose/width.ts'
import { sliceWidth } from '../../structure/cut/slice-width.ts'
import { raceOf } from '../../structure/write/write.ts'
import { writeNarrow } from '../../structure/write/write-narrow.ts'
import type { JobContext } from '../job.ts'
import type { HiddenChannels, Removed, RemovingJob } from './shrink-args.ts'

/**
 * Removes the same channels everywhere.
 * @throws {UsageError} NOTHING_REMOVED; {InputError} as widthOf and chooseChannels do
 */
export async function removeHiddenChannels(
  decoder: Decoder,
  what: HiddenChannels,
  { windows, out, check, beside }: RemovingJob,
  { signal }: JobContext,
): Promise<Removed> {
  const { amount } = what
  const width = await widthOf(decoder)
  const job = { ...what, windows, perBatch: windowsTogether(windows), signal }
  const removed = await chooseChannels(decoder, width, channelsToRemove(decoder, width, amount), job)
  if (removed.length === 0) refuseNothing({ amount, unit: 'hidden channel', units: width.channels })
  const narrower = sliceWidth(decoder, width, removed)
  writeNarrow(decoder, narrower, width, width.channels - removed.length, out, beside)
  return {
    removed: decoder.forms.map((_, block) => ({ block, hiddenChannels: removed.length })),
    sought: null,
    notes: [],
    // A norm over fewer channels gives other numbers, so a base with zeros instead would not show the expected logits.
    run: await expectedRun(Decoder.open(out), () => undefined, out, check),
    race: raceOf(decoder, narrower, { dir: out, ids: check }),
  }
}
