import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { OutDirectory } from '../../../peers/disk/out-directory.ts'
import { encodeSignedPlan, signPlan } from '../../../protocols/plan/plan.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { aPlan } from '../../support/people.ts'

const PLAN_ID = Uint8Array.of(0xab, 0xcd, 0xef, 0x01, 0x23)

test('an output directory holds nothing before', async (context) => {
  const root = await temporaryDirectory(context)
  const place = { out: join(root, 'out') }
  await OutDirectory.open(place)
  await OutDirectory.open(place)
  await writeFile(join(place.out, 'precious'), 'x')
  await assert.rejects(OutDirectory.open(place), { code: 'OUTPUT_NOT_EMPTY', exit: 8 })
  await assert.rejects(OutDirectory.open({ out: join(place.out, 'precious') }), { exit: 8 })
})

test('an output directory that is kept holds results of its own federation, and of no other', async (context) => {
  const out = await temporaryDirectory(context)
  const { plan, signers } = aPlan()
  const signatures = signers.map((signer) => signPlan(signer, plan).signature)
  await writeFile(join(out, 'plan.cbor'), encodeSignedPlan({ plan, signatures }))
  await OutDirectory.open({ out, kept: plan.id })
  const foreign = { code: 'OUTPUT_OTHER_FEDERATION', exit: 8, message: /results of federation [0-9a-f]{8}, and/ }
  await assert.rejects(OutDirectory.open({ out, kept: PLAN_ID }), foreign)
})

test('results take the name of the federation once it has one', async (context) => {
  const parent = join(await temporaryDirectory(context), 'deep', 'coppice-out')
  const peers = await Promise.all([1, 2, 3].map(() => OutDirectory.open({ parent })))
  const settled = await Promise.all(peers.map((peer) => peer.settle(PLAN_ID)))
  const names = ['abcdef01', 'abcdef01-2', 'abcdef01-3']
  assert.deepEqual(
    settled.sort(),
    names.map((name) => join(parent, name)),
  )
  await writeFile(join(settled[0], 'model'), 'x')
  for (const peer of peers) await peer[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(parent), ['abcdef01'], 'results that did not come leave no trace')
})
