/** How the sites of a federation train adapters, and where all of them begin. */
import type { StructuredTarget } from '../../form/method.ts'
import { RANK, RATE, SCALE } from '../../merge/structures/adapter.ts'
import type { Training } from '../../merge/structures/structured-contribution.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { Adapters } from '../../recover/adapters.ts'

/** Rows as LLM-Pruner's reference implementation trains with them. */
export const TRAINING = { rank: RANK, alpha: RANK * SCALE, rate: RATE, batch: 8, seed: 0 }

const started = new WeakMap<Decoder, Adapters>()

/** The adapters that a federation over this model begins with. Nobody changes them. */
export function startingAdapters(decoder: Decoder): Adapters {
  const known = started.get(decoder) ?? Adapters.start(decoder.forms, TRAINING.rank, TRAINING.seed)
  started.set(decoder, known)
  return known
}

/** The bounds for the adapters to one block, under a plan of so many rounds. */
export function trainingOf(decoder: Decoder, block: number, { steps }: StructuredTarget, rounds: number): Training {
  const starts = startingAdapters(decoder)
  return {
    steps: steps * (rounds - 1),
    starts: decoder.forms[block].layers.map((_, role) => starts.of(block, role)),
  }
}
