/** How far honest training takes adapters: each site trains on the smaller model that the importances of all leave. */
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StructuredTarget } from '../../../src/form/method.ts'
import type { Windows } from '../../../src/form/windows.ts'
import { AdapterTraining } from '../../../src/jobs/federation/adapter-training.ts'
import { startingAdapters, TRAINING } from '../../../src/jobs/federation/training.ts'
import { moveOf, wholeSteps } from '../../../src/merge/structures/adapter-bounds.ts'
import { scaledImportances } from '../../../src/merge/structures/scaled-importances.ts'
import type { StructuredBlock } from '../../../src/merge/structures/structured-block.ts'
import {
  type PackedAdapter,
  type StructuredContribution,
  unpacked,
} from '../../../src/merge/structures/structured-contribution.ts'
import { mergeStructured } from '../../../src/merge/structures/structured-merge.ts'
import { unitImportances } from '../../../src/structure/choose/offered-importance.ts'
import { free } from '../../../src/structure/cut/structured-forms.ts'
import type { StructuredModel } from '../../../src/structure/federated/structured-model.ts'

/** The extremes over all layers of a model. */
export interface Moves {
  /** The distances of A and of B, divided by their distance if each number went the whole rate in every step. */
  a: number
  b: number
  /** The norm of a layer's change, divided by the layer's norm. */
  change: number
}

interface MovesJob {
  model: StructuredModel
  sites: readonly Windows[]
  ppm: number
  /** The rate of AdamW. Moves are measured by this rate, not by the federation's. */
  rate: number
  /** Numbers of steps to look at, ascending. Training goes on to the last one, or until nothing gets better. */
  looks: readonly number[]
}

/** Yields what each site has after each of the looks that it reaches. */
export async function* honestMoves({ model, sites, ppm, rate, looks }: MovesJob) {
  const { decoder } = model
  const target: StructuredTarget = { kind: 'structured', ppm, from: 0, to: decoder.blocks, steps: 0 }
  const merged = await mergedImportances(model, sites, target)
  const settings = { ...TRAINING, rate, steps: looks[looks.length - 1] }
  for (const windows of sites) {
    using scratch = mkdtempDisposableSync(join(tmpdir(), 'coppice-bench-'))
    const training = new AdapterTraining(model, merged, settings, join(scratch.path, 'smaller'))
    const found: { steps: number; moves: Moves }[] = []
    const onStep = () => {
      const { step: steps, values } = training.state
      if (!looks.includes(steps)) return
      found.push({ steps, moves: movesOf(model, training.adapters(values), (rate / TRAINING.rate) * steps) })
    }
    await training.run(windows, { onStep })
    await training.close()
    yield* found
  }
}

async function mergedImportances(
  model: StructuredModel,
  sites: readonly Windows[],
  target: StructuredTarget,
): Promise<Map<number, StructuredBlock>> {
  const structures = model.followed.map((block) => free(block.structures))
  const offered: StructuredContribution[][] = []
  for (const windows of sites) {
    const found = await unitImportances(model.decoder, structures, windows)
    offered.push(found.map((own) => ({ importances: own.map(scaledImportances) })))
  }
  return new Map(
    model.forms.map((form, block) => [
      block,
      mergeStructured(
        form,
        target,
        block,
        offered.map((own) => own[block]),
      ),
    ]),
  )
}

function movesOf({ decoder }: StructuredModel, adapters: readonly PackedAdapter[][], steps: number): Moves {
  const starts = startingAdapters(decoder)
  const most: Moves = { a: 0, b: 0, change: 0 }
  for (const [block, own] of adapters.entries()) {
    const base = decoder.baseWeights(block)
    for (const [role, adapter] of own.entries()) {
      const start = starts.of(block, role)
      const { a, b, change, layer } = moveOf(base[role], unpacked(adapter), start)
      most.a = Math.max(most.a, a / wholeSteps(start.a.length, steps))
      most.b = Math.max(most.b, b / wholeSteps(start.b.length, steps))
      most.change = Math.max(most.change, change / layer)
    }
  }
  return most
}
