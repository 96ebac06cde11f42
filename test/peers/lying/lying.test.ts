import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LyingPeers } from './lying-peers.ts'

test('a lie that validation lets pass is left out for its harm to the texts of the others', async (context) => {
  await using peers = await LyingPeers.open()
  const lie = peers.lies.find(({ name }) => name === 'turned as far as the bounds allow')
  assert.ok(lie)
  const { included, reason } = await peers.run(context, { members: 4, merge: 'l0', lie })
  assert.equal(included, 0)
  assert.match(reason ?? '', /^leaves out member \d: perplexity here \d/)
})

test('mean squares that drown those of the others are left out where they are pooled', async (context) => {
  await using peers = await LyingPeers.open()
  const lie = peers.lies.find(({ name }) => name === 'one column of 1e14, all others 0')
  assert.ok(lie)
  const { included, reason } = await peers.run(context, { members: 4, merge: 'pooled', lie })
  assert.equal(included, 0)
  assert.match(reason ?? '', /^leaves out member \d: perplexity here Infinity -> \d/)
})
