import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_FOUNDING_BYTES } from '../../../protocols/founding/constants.ts'
import {
  decodeFounder,
  decodeJoiner,
  encodeFounding,
  type FounderMessage,
  type JoinerMessage,
} from '../../../protocols/founding/messages.ts'
import { MAX_MEMBERS } from '../../../protocols/plan/offer.ts'
import { encode, MalformedMessageError } from '../../../protocols/wire/encoding.ts'
import { flipped, person } from '../../support/people.ts'

const site = (number: number, name = `site ${number}`) => ({ peer: person(number).peerId, site: name })
const hash = new Uint8Array(32)

const FOUNDER: FounderMessage[] = [
  { type: 'offer', offer: hash, sites: [site(1)] },
  { type: 'waiting', sites: [], members: 4 },
  {
    type: 'waiting',
    sites: Array.from({ length: MAX_MEMBERS }, (_, i) => site(i, '界'.repeat(40))),
    members: MAX_MEMBERS,
  },
  { type: 'plan', plan: hash, addresses: [], asks: true },
  { type: 'signing', signed: [0, 2, 63] },
  { type: 'signatures', signatures: [hash] },
  { type: 'refused', reason: 'failed', version: 1 },
  { type: 'ended', ending: 'declined', members: [1] },
]
const JOINER: JoinerMessage[] = [
  { type: 'ask', version: 1, offer: hash },
  { type: 'accept', acceptance: hash, addresses: ['/ip4/127.0.0.1/tcp/1'], asks: false },
  { type: 'signature', signature: hash },
  { type: 'declined' },
]

describe('messages of founding', () => {
  it('come back from their bytes', () => {
    for (const message of FOUNDER) assert.deepEqual(decodeFounder(encodeFounding(message)), message)
    for (const message of JOINER) assert.deepEqual(decodeJoiner(encodeFounding(message)), message)
    for (const message of FOUNDER) assert.ok(encodeFounding(message).byteLength <= MAX_FOUNDING_BYTES)
  })

  const many = Array.from({ length: MAX_MEMBERS + 1 }, (_, i) => i)
  const hostile: Array<{ id: string; message: object }> = [
    { id: 'a name that turns the line round', message: { type: 'waiting', sites: [site(1, 'a\u202eb')], members: 2 } },
    { id: 'a name with an escape', message: { type: 'waiting', sites: [site(1, '\u001b[2J')], members: 2 } },
    { id: 'a name that is too long', message: { type: 'waiting', sites: [site(1, 'x'.repeat(41))], members: 2 } },
    { id: 'no peer id', message: { type: 'waiting', sites: [{ peer: hash, site: 'x' }], members: 2 } },
    { id: 'one site too many', message: { type: 'waiting', sites: many.map((i) => site(i)), members: 2 } },
    { id: 'a site with a key more', message: { type: 'waiting', sites: [{ ...site(1), age: 3 }], members: 2 } },
    { id: 'a hostile name beside an offer', message: { type: 'offer', offer: hash, sites: [site(1, '\n')] } },
    { id: 'members that do not ascend', message: { type: 'signing', signed: [2, 1] } },
    { id: 'a member twice', message: { type: 'ended', ending: 'gone', members: [1, 1] } },
    { id: 'a member beyond all', message: { type: 'ended', ending: 'late', members: [MAX_MEMBERS] } },
    { id: 'too many members', message: { type: 'signing', signed: many } },
    { id: 'an unknown ending', message: { type: 'ended', ending: 'bored', members: [1] } },
    { id: 'a plan that does not say whether it asks', message: { type: 'plan', plan: hash, addresses: [] } },
    { id: 'a no with reasons', message: { type: 'declined', why: 'x' } },
    {
      id: 'an acceptance that asks for a number',
      message: { type: 'accept', acceptance: hash, addresses: [], asks: 1 },
    },
  ]
  for (const { id, message } of hostile) {
    it(`are refused with ${id}`, () => {
      const bytes = encode(message)
      for (const decode of [decodeFounder, decodeJoiner]) assert.throws(() => decode(bytes), MalformedMessageError)
    })
  }

  it('with a bit flipped are refused or another message, and never anything else', () => {
    const all = [...FOUNDER, ...JOINER].map(encodeFounding)
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(), (which, bit) => {
        const bytes = flipped(all[which], bit % (8 * all[which].byteLength))
        for (const decode of [decodeFounder, decodeJoiner]) {
          try {
            decode(bytes)
          } catch (error) {
            assert.ok(error instanceof MalformedMessageError, String(error))
          }
        }
      }),
    )
  })
})
