import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ALONE } from '../../../../src/form/merging.ts'
import type { Method } from '../../../../src/form/method.ts'
import { trainingOf } from '../../../../src/jobs/federation/training.ts'
import { openEngine } from '../../../../src/jobs/open-engine.ts'
import { scaledImportances } from '../../../../src/merge/structures/scaled-importances.ts'
import {
  encodeStructured,
  packed,
  type StructuredContribution,
} from '../../../../src/merge/structures/structured-contribution.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { StructuredModel } from '../../../../src/structure/federated/structured-model.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const BLOCK = 3
const target = { kind: 'structured', ppm: 250_000, from: 1, to: 4, steps: 20 } as const
const method: Method = { pruner: 'llm-pruner', target }

test('a slot takes its own part alone: adapters of the first round and importances of a later one are refused', async (context) => {
  const dir = fixturePath('stories260k')
  const decoder = Decoder.open(dir)
  const { forms } = await StructuredModel.of(decoder)
  const importances = forms[BLOCK].structures.map(({ units }) => scaledImportances(new Float32Array(units)))
  const adapters = trainingOf(decoder, BLOCK, target, 2).starts.map(packed)
  const directory = await temporaryDirectory(context)
  await using engine = openEngine()
  const verdict = async (slot: number, contribution: StructuredContribution) => {
    const path = join(directory, 'contribution')
    writeFileSync(path, encodeStructured(forms[BLOCK], contribution))
    return await engine.run('validate', { dir, method, merging: ALONE, rounds: 2, slot, path })
  }
  assert.equal(await verdict(BLOCK, { importances }), null)
  assert.match((await verdict(BLOCK, { adapters })) ?? '', /^KIND: /)
  assert.equal(await verdict(decoder.blocks + BLOCK, { adapters }), null)
  assert.match((await verdict(decoder.blocks + BLOCK, { importances })) ?? '', /^KIND: /)
})
