import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { oneTooMany } from '../../../peers/network/crowd.ts'
import { FOUNDING_PROTOCOL } from '../../../protocols/founding/index.ts'

type Link = Pick<Connection, 'direction' | 'remoteAddr' | 'streams' | 'timeline'>

/** A connection that was opened at this time. */
function link(open: number, fields: { host?: string; founds?: boolean; direction?: Link['direction'] } = {}): Link {
  const { host = '192.0.2.1', founds = false, direction = 'inbound' } = fields
  const streams = [{ protocol: founds ? FOUNDING_PROTOCOL : '/ipfs/id/1.0.0' }] as Link['streams']
  return { direction, remoteAddr: multiaddr(`/ip4/${host}/tcp/${4000 + open}`), streams, timeline: { open } }
}

test('an address that has as many connections as it may loses the oldest that founds nothing', () => {
  const [founding, old, older, added] = [link(1, { founds: true }), link(3), link(2), link(4)]
  assert.equal(oneTooMany([founding, old, older, added], added, 4), null)
  assert.equal(oneTooMany([founding, old, older, added], added, 3), older)
})

test('where all others of its address found, the new connection goes', () => {
  const [one, other, added] = [link(1, { founds: true }), link(2, { founds: true }), link(3)]
  assert.equal(oneTooMany([one, other, added], added, 2), added)
})

test('connections of other addresses, and those that this peer has opened, are not counted', () => {
  const added = link(4)
  const others = [link(1, { host: '192.0.2.2' }), link(2, { direction: 'outbound' })]
  assert.equal(oneTooMany([...others, added], added, 1), null)
  const own = link(5, { direction: 'outbound' })
  assert.equal(oneTooMany([link(3), added, own], own, 1), null)
})
