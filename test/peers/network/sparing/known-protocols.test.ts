import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerData } from '@libp2p/interface'
import { rememberProtocols } from '../../../../peers/network/sparing/known-protocols.ts'
import { connect, testNodes } from '../../../support/nodes.ts'

test('a protocol of a peer is written down once, and again if that has failed; all else each time', async (context) => {
  const [a, b] = await testNodes(context, 2)
  await connect(b, a)
  const { peerStore } = a.libp2p
  const id = b.libp2p.peerId
  const written: PeerData[] = []
  const merge = peerStore.merge.bind(peerStore)
  let isFull = true
  peerStore.merge = async (peer, data) => {
    written.push(data)
    if (isFull) throw new Error('no room')
    return merge(peer, data)
  }
  rememberProtocols(peerStore)
  const one = { protocols: ['/coppice/one/1'] }
  await assert.rejects(peerStore.merge(id, one), /no room/)
  isFull = false
  for (let time = 0; time < 3; time++) {
    const peer = await peerStore.merge(id, one)
    assert.ok(peer.protocols.includes('/coppice/one/1'))
  }
  const other = { protocols: ['/coppice/two/1'] }
  await peerStore.merge(id, other)
  const tagged = { tags: { near: {} } }
  await peerStore.merge(id, tagged)
  await peerStore.merge(id, tagged)
  assert.deepEqual(written, [one, one, other, tagged, tagged])
})
