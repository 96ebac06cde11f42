/** How a model is shrunk: what goes is chosen, cut out and written. */
import { statSync } from 'node:fs'
import { Decoder } from '../model/decoder.ts'
import { followBlocks } from '../structure/find.ts'
import { assertNames, writeHuggingFace } from '../structure/hugging-face.ts'
import { chooseRemoval } from '../structure/removal.ts'
import { slice } from '../structure/slice.ts'
import type { Structure } from '../structure/structures.ts'
import { assertUniform } from '../structure/uniform.ts'
import { expectedSliced, notesOf, prefills, writeSliced } from '../structure/write.ts'
import type { JobContext, Jobs } from './jobs.ts'

/** Tokens that go back through a block together: as many as LLM-Pruner takes in all. */
const BATCH_TOKENS = 640

export async function shrink(
  decoder: Decoder,
  { importance, seed, reduction, ratio, groupQueries, uniform, blocks, windows, out, check }: Jobs['shrink']['args'],
  { signal }: JobContext,
): Promise<Jobs['shrink']['result']> {
  const perBatch = Math.max(1, Math.floor(BATCH_TOKENS / windows.length))
  if (uniform) assertNames(decoder)
  const followed = await followBlocks(decoder, groupQueries)
  const structures = followed.map((block) => block.structures)
  const job = { importance, seed, reduction, ratio, blocks, windows, perBatch, signal }
  const removals = await chooseRemoval(decoder, structures, job)
  if (uniform) assertUniform(decoder, removals)
  const byBlock = new Map(removals.map(({ block, removed }) => [block, removed]))
  const sliced = slice(
    decoder,
    followed,
    followed.map((_, block) => byBlock.get(block)),
  )
  writeSliced(decoder, sliced, removals, out)
  const run = await expectedSliced(decoder, sliced, removals, { dir: out, ids: check })
  const count = (block: number, kind: Structure['kind']) =>
    (byBlock.get(block) ?? [])
      .filter(({ structure }) => structure.kind === kind)
      .reduce((sum, { units }) => sum + units.length, 0)
  const written = Decoder.open(out)
  if (uniform) writeHuggingFace(decoder, removals, written)
  return {
    parameters: written.parameters,
    bytes: { before: size(decoder), after: size(written) },
    removed: removals.map(({ block }) => ({
      block,
      kvHeads: count(block, 'heads'),
      queryHeads: count(block, 'queries'),
      channels: count(block, 'channels'),
    })),
    notes: notesOf(decoder, removals, groupQueries),
    run,
    macs: { before: decoder.macs, after: written.macs },
    race: prefills(decoder, sliced, { dir: out, ids: check }),
  }
}

function size(decoder: Decoder): number {
  return decoder.files.reduce((sum, path) => sum + statSync(path).size, 0)
}
