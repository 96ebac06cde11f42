import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatInvitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import { endingOf } from '../../../scripts/terminal/refusal.ts'
import { UsageError } from '../../../src/base/errors.ts'

const PEER = '12D3KooWSahP5pFRCEfaziPEba7urXGeif6T1y8jmodzdFUvzBHj'
const ADDRESS = `/ip4/192.0.2.7/tcp/4001/p2p/${PEER}`
const OFFER = '01'.repeat(32)
const SECRET = 'ab'.repeat(16)
const LINE = `${ADDRESS}#${OFFER}.${SECRET}`

test('an invitation is read as it was written', () => {
  const invitation = { address: ADDRESS, offer: new Uint8Array(32).fill(1), secret: new Uint8Array(16).fill(0xab) }
  assert.equal(formatInvitation(invitation), LINE)
  assert.deepEqual(parseInvitation(LINE), invitation)
  assert.deepEqual(parseInvitation(`  ${LINE}\n`), invitation)
  assert.deepEqual(parseInvitation(`${ADDRESS}#${OFFER}.${SECRET.toUpperCase()}`), invitation)
})

const hostile: Record<string, string> = {
  'the empty line': '',
  'an address alone': ADDRESS,
  'two #': `${ADDRESS}#${OFFER}#${SECRET}`,
  'no secret': `${ADDRESS}#${OFFER}`,
  'three parts': `${LINE}.00`,
  'an offer that lost a digit': `${ADDRESS}#${OFFER.slice(1)}.${SECRET}`,
  'an offer that lost two': `${ADDRESS}#${OFFER.slice(2)}.${SECRET}`,
  'a secret that is too long': `${LINE}00`,
  'a secret that is no number': `${ADDRESS}#${OFFER}.${'zz'.repeat(16)}`,
  'no address': `#${OFFER}.${SECRET}`,
  'a host name': `example.org:4001#${OFFER}.${SECRET}`,
  'an unknown protocol': `/ip9/1.2.3.4/tcp/1/p2p/${PEER}#${OFFER}.${SECRET}`,
  'no peer id': `/ip4/192.0.2.7/tcp/4001#${OFFER}.${SECRET}`,
  'a peer id that is none': `/ip4/192.0.2.7/tcp/4001/p2p/abc#${OFFER}.${SECRET}`,
  UDP: `/ip4/192.0.2.7/udp/4001/p2p/${PEER}#${OFFER}.${SECRET}`,
}
for (const [id, text] of Object.entries(hostile)) {
  test(`an invitation with ${id} is a usage error, which does not repeat the secret`, () => {
    assert.throws(
      () => parseInvitation(text),
      (error) => error instanceof UsageError && error.exit === 2 && !endingOf(error).text.includes(SECRET),
    )
  })
}
