import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_ATTEMPTS, MAX_GOSSIP_BYTES } from '../../../../protocols/round/messages/constants.ts'
import {
  type BindingBody,
  type Body,
  bodyBytes,
  bytesOf,
  culpritOf,
  decodeBody,
  decodeEnvelope,
  encodeBody,
  encodeEnvelope,
  envelopeFault,
  isBinding,
  makeEnvelope,
  makeEvidence,
  placeOf,
  sameBody,
} from '../../../../protocols/round/messages/messages.ts'
import { encode, MalformedMessageError, toHex } from '../../../../protocols/wire/encoding.ts'
import { aPlan, flipped } from '../../../support/people.ts'
import { hashName } from '../world.ts'

const { plan, signers } = aPlan()
const id = toHex(plan.id)
const V = hashName('v')
const W = hashName('w')

const BODIES: Body[] = [
  { type: 'commit', round: 1, root: V },
  { type: 'proposal', round: 1, attempt: 0, value: V, polRound: -1 },
  { type: 'proposal', round: 1000, attempt: MAX_ATTEMPTS - 1, value: V, polRound: MAX_ATTEMPTS - 2 },
  { type: 'prevote', round: 1, attempt: 0, value: V },
  { type: 'prevote', round: 1, attempt: 0, value: null },
  { type: 'precommit', round: 1, attempt: 0, value: V },
  { type: 'precommit', round: 1, attempt: 0, value: null },
  { type: 'status', round: 1, step: 'collect', attempt: 0, certificate: null, beat: 0 },
  { type: 'status', round: 1000, step: 'precommit', attempt: 19, certificate: V, beat: 0xffff_ffff },
]

const sign = (from: number, body: Body) => makeEnvelope(signers[from], id, from, body)
const evidenceOf = (from: number, a: BindingBody, b: BindingBody) => makeEvidence(sign(from, a), sign(from, b))

describe('a gossip message', () => {
  test("of every kind comes back from its bytes, is at most 1 KiB, and is its author's", () => {
    const largest = evidenceOf(3, BODIES[2] as BindingBody, { ...BODIES[2], value: W } as BindingBody)
    for (const body of [...BODIES, largest]) {
      const envelope = sign(2, body)
      const bytes = encodeEnvelope(envelope)
      assert.ok(bytes.byteLength <= MAX_GOSSIP_BYTES, `${body.type}: ${bytes.byteLength} bytes`)
      assert.deepEqual(decodeEnvelope(bytes), envelope, body.type)
      assert.deepEqual(decodeBody(encodeBody(body)), body, body.type)
      assert.equal(envelopeFault(plan, envelope), null, body.type)
    }
  })

  test('with any bit flipped is refused', () => {
    for (const body of BODIES) {
      const bytes = encodeEnvelope(sign(1, body))
      for (let bit = 0; bit < bytes.byteLength * 8; bit += 5) {
        let fault: unknown
        try {
          fault = envelopeFault(plan, decodeEnvelope(flipped(bytes, bit)))
        } catch (error) {
          fault = error
        }
        assert.ok(fault instanceof MalformedMessageError || typeof fault === 'string', `${body.type}, bit ${bit}`)
      }
    }
  })

  test('of one kind, place or plan never counts for another', () => {
    const signed = [...BODIES, { ...BODIES[3], attempt: 1 } as Body, { ...BODIES[3], round: 2 } as Body]
    const bytes = signed.map((body) => toHex(bodyBytes(id, body)))
    assert.equal(new Set([...bytes, toHex(bodyBytes(V, BODIES[0]))]).size, signed.length + 1)
    const prevote = sign(0, BODIES[3])
    assert.equal(envelopeFault(plan, { ...prevote, body: BODIES[5] }), 'signature')
    assert.equal(envelopeFault(plan, { ...prevote, from: 1 }), 'signature')
    assert.equal(envelopeFault(plan, { ...prevote, from: 4 }), 'member')
    assert.equal(envelopeFault(plan, { ...prevote, plan: V }), 'plan')
  })

  const wire = (body: Record<string, unknown>) => ({ plan: bytesOf(id), from: 0, body, signature: new Uint8Array(64) })
  const prevote = { type: 'prevote', round: 1, attempt: 0, value: null }
  const hostile: Array<[string, unknown]> = [
    ['an unknown type', wire({ type: 'hello' })],
    ['a round of 0', wire({ ...prevote, round: 0 })],
    ['a round of 1001', wire({ ...prevote, round: 1001 })],
    ['an attempt of 20', wire({ ...prevote, attempt: MAX_ATTEMPTS })],
    ['a negative attempt', wire({ ...prevote, attempt: -1 })],
    ['a short hash', wire({ ...prevote, value: new Uint8Array(31) })],
    ['a hash as text', wire({ ...prevote, value: V })],
    ['a key too many', wire({ ...prevote, more: 1 })],
    ["a prevote's fields under a commit", wire({ ...prevote, type: 'commit' })],
    ['polRound -2', wire({ type: 'proposal', round: 1, attempt: 1, value: bytesOf(V), polRound: -2 })],
    ['a member beyond the largest roster', { ...wire(prevote), from: 64 }],
    ['a short signature', { ...wire(prevote), signature: new Uint8Array(63) }],
    ['an unknown step', wire({ type: 'status', round: 1, step: 'sleep', attempt: 0, certificate: null, beat: 0 })],
    ['evidence too large', wire({ type: 'evidence', first: new Uint8Array(351), second: new Uint8Array(0) })],
    ['more than 1 KiB', wire({ ...prevote, more: new Uint8Array(1024) })],
  ]
  for (const [name, message] of hostile) {
    test(`with ${name} is refused`, () => {
      assert.throws(() => decodeEnvelope(encode(message)), MalformedMessageError)
    })
  }
})

describe('evidence', () => {
  test('convicts whoever signs two different bodies at one place', () => {
    const pairs: Array<[BindingBody, BindingBody]> = [
      [
        { type: 'commit', round: 2, root: V },
        { type: 'commit', round: 2, root: W },
      ],
      [
        { type: 'prevote', round: 1, attempt: 3, value: V },
        { type: 'prevote', round: 1, attempt: 3, value: null },
      ],
      [
        { type: 'precommit', round: 1, attempt: 3, value: V },
        { type: 'precommit', round: 1, attempt: 3, value: W },
      ],
      [
        { type: 'proposal', round: 1, attempt: 3, value: V, polRound: -1 },
        { type: 'proposal', round: 1, attempt: 3, value: V, polRound: 2 },
      ],
    ]
    for (const [a, b] of pairs) assert.equal(culpritOf(plan, evidenceOf(3, a, b)), 3, placeOf(a))
  })

  test('convicts nobody of messages that do not contradict each other', () => {
    const prevote: BindingBody = { type: 'prevote', round: 1, attempt: 0, value: V }
    const innocent: Array<[string, BindingBody, BindingBody]> = [
      ['the same twice', prevote, prevote],
      ['another attempt', prevote, { ...prevote, attempt: 1, value: W }],
      ['another round', prevote, { ...prevote, round: 2, value: W }],
      ['another kind', prevote, { ...prevote, type: 'precommit', value: W }],
    ]
    for (const [name, a, b] of innocent) assert.equal(culpritOf(plan, evidenceOf(0, a, b)), null, name)
  })

  test('convicts nobody by forgery, or of messages of two members', () => {
    const a = sign(0, { type: 'prevote', round: 1, attempt: 0, value: V })
    const b = sign(1, { type: 'prevote', round: 1, attempt: 0, value: W })
    assert.equal(culpritOf(plan, makeEvidence(a, b)), null)
    assert.equal(culpritOf(plan, makeEvidence(a, { ...b, from: 0 })), null)
    assert.equal(culpritOf(plan, { type: 'evidence', first: new Uint8Array(3), second: encodeEnvelope(b) }), null)
    const status = sign(0, BODIES[7])
    assert.equal(culpritOf(plan, makeEvidence(status, sign(0, { ...BODIES[7], beat: 1 } as Body))), null)
    assert.equal(envelopeFault(plan, sign(2, makeEvidence(a, b))), 'evidence')
  })

  test('is about binding messages: places and sameness belong together', () => {
    const binding = BODIES.filter(isBinding)
    for (const a of binding) {
      for (const b of binding) if (sameBody(a, b)) assert.equal(placeOf(a), placeOf(b))
      assert.ok(sameBody(a, a))
    }
  })
})
