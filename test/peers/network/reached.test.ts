import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { reached } from '../../../peers/network/reached.ts'
import { testNode } from '../../support/nodes.ts'

test('members that run are told from those that do not, by a stranger to both', async (context) => {
  const [here, gone] = [await testNode(context, 0), await testNode(context, 1)]
  const addresses = ({ libp2p, peerId }: typeof here) => [peerId, libp2p.getMultiaddrs()] as const
  const members = new Map([addresses(here), addresses(gone)])
  // Another peer answers where this one was dialled.
  const other = here.libp2p.getMultiaddrs()[0].toString().replace(here.peerId, gone.peerId)
  here.closeRoster([here.peerId, gone.peerId])
  await gone.stop()
  const { signal } = new AbortController()
  assert.deepEqual([...(await reached(members, null, signal))], [here.peerId])
  assert.deepEqual([...(await reached(new Map([[gone.peerId, [multiaddr(other)]]]), null, signal))], [])
})
