import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { assertOneRoot, federation, type Outcome } from '../../../support/federations.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { PooledMatrices } from './pooled-matrices.ts'

const MEMBERS = 4
const GROUPS = 3

async function pooled(context: TestContext, masked: boolean): Promise<Outcome> {
  const root = await temporaryDirectory(context)
  const outcome = await federation(context, {
    members: MEMBERS,
    topology: 'mesh',
    offer: { merge: 'pooled', masked, rounds: GROUPS },
    work: (text) => new PooledMatrices({ text, members: MEMBERS, masked, scratch: join(root, String(text)) }),
  })
  assertOneRoot(outcome)
  return outcome
}

test('a masked and an open federation of the same sites have the same root', async (context) => {
  const [masked, open] = [await pooled(context, true), await pooled(context, false)]
  assert.equal(masked.results[0].root, open.results[0].root)
  assert.equal(open.results[0].certificates.length, GROUPS)
  assert.equal(masked.results[0].certificates.length, 2 + 2 * GROUPS)
})
