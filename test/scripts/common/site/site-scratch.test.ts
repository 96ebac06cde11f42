import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ScratchInputs, SiteScratch } from '../../../../scripts/common/site/site-scratch.ts'
import { PRUNE_RECORD } from '../../../../src/prune/run/prune-record.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'

const INPUTS: ScratchInputs = {
  modelHash: new Uint8Array(32).fill(1),
  method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
  windows: { ids: Int32Array.of(1, 2, 3, 4), count: 2, length: 2 },
}
const OTHERS: ScratchInputs[] = [
  { ...INPUTS, modelHash: new Uint8Array(32).fill(2) },
  { ...INPUTS, method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 600_000 } } },
  { ...INPUTS, windows: { ids: Int32Array.of(1, 2, 3, 5), count: 2, length: 2 } },
  { ...INPUTS, windows: { ids: Int32Array.of(1, 2, 3, 4), count: 1, length: 4 } },
]

/** A peer of a federation that writes what it prunes. @param over - whether it comes to its end */
async function peer(federations: string, id: string, inputs: ScratchInputs, over: boolean): Promise<boolean> {
  const federation = join(federations, id)
  mkdirSync(federation, { recursive: true })
  await using scratch = new SiteScratch()
  const path = await scratch.in(federation, inputs)
  const isThere = existsSync(join(path, PRUNE_RECORD.name))
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, PRUNE_RECORD.name), '{}')
  if (over) scratch.done()
  return isThere
}

test('the next peer of the same inputs finds the blocks of an interrupted one, in any federation', async (context) => {
  const root = await temporaryDirectory(context)
  assert.equal(await peer(root, 'a', INPUTS, false), false)
  for (const [i, other] of OTHERS.entries()) assert.equal(await peer(root, `other-${i}`, other, false), false)
  assert.equal(await peer(root, 'a', INPUTS, false), true, 'in its own federation')
  assert.equal(await peer(root, 'b', INPUTS, false), true, 'in another')
  assert.deepEqual(readdirSync(join(root, 'a')), [])
  for (const [i, other] of OTHERS.entries()) assert.equal(await peer(root, `other-${i}`, other, false), true)
  await peer(root, 'b', INPUTS, true)
  assert.deepEqual(readdirSync(join(root, 'b')), [], 'a peer that came to its end leaves none')
  assert.equal(await peer(root, 'c', INPUTS, false), false)
})

test('scratch space without a finished block is removed with its peer', async (context) => {
  const root = await temporaryDirectory(context)
  {
    await using scratch = new SiteScratch()
    mkdirSync(join(root, 'a'))
    mkdirSync(await scratch.in(join(root, 'a'), INPUTS))
  }
  assert.deepEqual(readdirSync(join(root, 'a')), [])
})
