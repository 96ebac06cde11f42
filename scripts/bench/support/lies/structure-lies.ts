/** The lies of one site of four where heads and channels are removed and adapters trained. */
import type { StructuredMethod, StructuredTarget } from '../../../../src/form/method.ts'
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
import { type LieBench, type LieTable, mean, meanPerplexity, reasonOf } from './mask-lies.ts'

/** One of four members may lie. */
const FAULTS = 1
/** A plan of two rounds: the second one trains. */
const ROUNDS = 2

/** One entry a block. */
type Model = StructuredContribution[]

export async function structureTable(bench: LieBench & { model: StructuredModel; steps: number }): Promise<LieTable> {
  const { model, sites, steps } = bench
  const { decoder } = model
  const target: StructuredTarget = { kind: 'structured', ppm: 250_000, from: 1, to: decoder.blocks - 1, steps }
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
  for (const windows of sites) {
    const own = await unitImportances(
      decoder,
      model.followed.map((block) => free(block.structures)),
      windows,
    )
    found.push(own)
  }
  const honest = found.map(offered)
  const alone: number[] = []
  for (const own of honest) alone.push(await merged([own], 0))
  const [, ...others] = honest
  const method: StructuredMethod = { pruner: 'llm-pruner', target }
  const table: LieTable = [
    { name: 'alone, mean of the four', l0: mean(alone), trimmed: null, refused: null },
    {
      name: 'four honest, importances',
      l0: await merged(honest, 0),
      trimmed: await merged(honest, FAULTS),
      refused: null,
    },
    {
      name: 'three honest, importances',
      l0: await merged(others, 0),
      trimmed: await merged(others, FAULTS),
      refused: null,
    },
  ]
  const row = async (name: string, lying: Model, rest: readonly Model[], refused: string | null = null) => {
    const all = [lying, ...rest]
    table.push({ name, l0: await merged(all, 0), trimmed: await merged(all, FAULTS), refused })
  }
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
  for (const [name, lie] of Object.entries(IMPORTANCE_LIES)) await row(name, offered(found[0].map(lie)), others)
  const started = others.map(() => trained(model, (block) => startOf(model, block)))
  for (const [name, lie] of Object.entries(ADAPTER_LIES)) {
    const lying = trained(model, (block) => lie(decoder.forms[block].layers, trainingFor(block)))
    await row(name, lying, [...honest, ...started], reasonFor(lying))
  }
  const early = trained(model, (block) => atBounds(decoder.forms[block].layers, trainingFor(block)))
  await row('adapters: in round 1, alone', early, honest, earlyReason({ method, rounds: ROUNDS }, decoder.blocks))
  return table
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
function startOf({ decoder }: StructuredModel, block: number): PackedAdapter[] {
  const { starts } = trainingOf(decoder, block, { steps: 0 } as StructuredTarget, ROUNDS)
  return starts.map(({ a, b }) => packed({ a: a.slice(), b: b.map((_, i) => (i % 2 === 0 ? 1e-4 : -1e-4)) }))
}
