/** The lies of one site of four where heads and channels are removed and adapters trained. */
import type { StructuredMethod, StructuredTarget } from '../../../../src/form/method.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { trainingOf } from '../../../../src/jobs/federation/training.ts'
import { isSecondSlot, slotsOfRound } from '../../../../src/merge/slots.ts'
import { scaledImportances } from '../../../../src/merge/structures/scaled-importances.ts'
import { applyStructured, type StructuredBlock } from '../../../../src/merge/structures/structured-block.ts'
import {
  type PackedAdapter,
  packed,
  type StructuredContribution,
  validateAdapters,
} from '../../../../src/merge/structures/structured-contribution.ts'
import { mergeStructured } from '../../../../src/merge/structures/structured-merge.ts'
import { unitImportances } from '../../../../src/structure/choose/offered-importance.ts'
import { free } from '../../../../src/structure/cut/structured-forms.ts'
import type { StructuredModel } from '../../../../src/structure/federated/structured-model.ts'
import { ADAPTER_LIES, atBounds, IMPORTANCE_LIES } from '../../../../test/support/liars.ts'
import { type LieBench, type LieRow, mean, meanPerplexity, reasonOf } from './mask-lies.ts'

/** One of four members may lie. */
const FAULTS = 1
/** A plan of two rounds: the second one trains. */
export const ROUNDS = 2

/** One entry a block. */
type Model = StructuredContribution[]

export async function* structureRows(
  bench: LieBench & { model: StructuredModel; steps: number },
): AsyncGenerator<LieRow> {
  const { model, sites, steps } = bench
  const { decoder } = model
  const { target } = methodOf(model, steps)
  const merged = (models: readonly Model[], faults: number) =>
    meanPerplexity(bench, (block) => {
      const whole: StructuredBlock = mergeStructured(
        model.forms[block],
        target,
        block,
        models.map((own) => own[block]),
        faults,
      )
      return applyStructured(model.forms[block], decoder.baseWeights(block), whole)
    })
  const found: Float32Array[][][] = []
  for (const windows of sites) found.push(await importancesOf(model, windows))
  const honest = found.map(offered)
  const alone: number[] = []
  for (const own of honest) alone.push(await merged([own], 0))
  const [, ...others] = honest
  const row = async (name: string, models: readonly Model[], refused: string | null = null): Promise<LieRow> => {
    return { name, l0: await merged(models, 0), trimmed: await merged(models, FAULTS), refused }
  }
  yield { name: 'alone, mean of the four', l0: mean(alone), trimmed: null, refused: null }
  yield row('four honest, importances', honest)
  yield row('three honest, importances', others)
  const trainingFor = (block: number) => trainingOf(decoder, block, target, ROUNDS)
  const reasonFor = (lying: Model) => {
    const reasons = lying.map((own, block) =>
      reasonOf(() => {
        if ('importances' in own) return
        validateAdapters(decoder.baseWeights(block), trainingFor(block), own)
      }),
    )
    return reasons.find((each) => each !== null) ?? null
  }
  for (const [name, lie] of Object.entries(IMPORTANCE_LIES)) yield row(name, [offered(found[0].map(lie)), ...others])
  const started = others.map(() => trained(model, (block) => startOf(model, block)))
  for (const [name, lie] of Object.entries(ADAPTER_LIES)) {
    const lying = trained(model, (block) => lie(decoder.forms[block].layers, trainingFor(block)))
    yield row(name, [lying, ...honest, ...started], reasonFor(lying))
  }
  const early = trained(model, (block) => atBounds(decoder.forms[block].layers, trainingFor(block)))
  const reason = earlyReason({ method: methodOf(model, steps), rounds: ROUNDS }, decoder.blocks)
  yield row('adapters: in round 1, alone', [early, ...honest], reason)
}

/** A quarter of the heads and channels of all blocks but the first and the last. */
export function methodOf({ decoder }: StructuredModel, steps: number): StructuredMethod {
  const target = { kind: 'structured', ppm: 250_000, from: 1, to: decoder.blocks - 1, steps } as const
  return { pruner: 'llm-pruner', target }
}

/** One array a block and structure: what a text says of each unit. */
export function importancesOf({ decoder, followed }: StructuredModel, windows: Windows): Promise<Float32Array[][]> {
  const structures = followed.map((block) => free(block.structures))
  return unitImportances(decoder, structures, windows)
}

/** Importances as they are sent: scaled to the common total. */
function offered(found: readonly Float32Array[][]): Model {
  return found.map((own) => ({ importances: own.map(scaledImportances) }))
}

function trained({ forms }: StructuredModel, adaptersOf: (block: number) => PackedAdapter[]): Model {
  return forms.map((_, block) => ({ adapters: adaptersOf(block) }))
}

/** Why adapters of the first round are refused; null if they are not. */
function earlyReason(training: { method: StructuredMethod; rounds: number }, blocks: number): string | null {
  const slots = slotsOfRound(training, blocks, 1, [...Array(blocks).keys()])
  return slots.some((slot) => isSecondSlot(slot, blocks)) ? null : 'ARC: no slot in round 1'
}

/** Adapters of an honest site whose B has hardly moved: what others have to set against a huge A. */
export function startOf({ decoder }: StructuredModel, block: number): PackedAdapter[] {
  const { starts } = trainingOf(decoder, block, { steps: 0 } as StructuredTarget, ROUNDS)
  return starts.map(({ a, b }) => packed({ a: a.slice(), b: b.map((_, i) => (i % 2 === 0 ? 1e-4 : -1e-4)) }))
}
