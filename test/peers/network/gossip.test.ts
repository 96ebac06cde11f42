import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import { AUTHOR_BURST, CONVICT_BURST, LINK_FAULT_SECONDS, LINK_FAULTS } from '../../../peers/network/constants.ts'
import { Post } from '../../../peers/network/gossip.ts'
import { makeAcceptance } from '../../../protocols/plan/acceptance.ts'
import { makeOffer } from '../../../protocols/plan/offer.ts'
import { makePlan, memberOf, type Plan } from '../../../protocols/plan/plan.ts'
import { peerIdText } from '../../../protocols/plan/site-name.ts'
import {
  type Body,
  type Envelope,
  encodeEnvelope,
  makeEnvelope,
  makeEvidence,
} from '../../../protocols/round/messages/messages.ts'
import { messageId } from '../../../protocols/sync/index.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { type Signer, signerOf } from '../../../protocols/wire/signing.ts'
import { TARGET } from '../../support/matrices.ts'

const COMMIT: Body = { type: 'commit', round: 1, root: 'ab'.repeat(32) }

/** Who passes on what others have written. */
const NEIGHBOUR = 'a neighbour'

async function signers(): Promise<Signer[]> {
  return Promise.all([0, 1, 2].map(async (i) => signerOf((await identityFromSeed('post', i)).raw)))
}

/** A plan of the first two signers. */
function planOf([founder, other]: Signer[], nonce = 1): Plan {
  const offer = makeOffer({
    founder: founder.peerId,
    nonce: new Uint8Array(16).fill(nonce),
    model: { name: 'matrices', hash: new Uint8Array(32), parameters: 1, blocks: 1 },
    method: { pruner: 'wanda', target: TARGET },
    rounds: 1,
    untilChange: null,
    sample: 1_000_000,
    windows: 1,
    window: 8,
    members: 2,
    roundTimeoutMs: null,
  })
  const secret = new Uint8Array(16)
  const acceptances = [founder, other].map((signer) => {
    return makeAcceptance(signer, { offer: offer.hash, secret, site: 'x', capacity: 1_000_000 })
  })
  return makePlan(offer, acceptances, secret)
}

function sealed(plan: Plan, signer: Signer, body: Body): Uint8Array {
  const from = memberOf(plan, signer.peerId)?.index ?? 0
  return encodeEnvelope(makeEnvelope(signer, toHex(plan.id), from, body))
}

async function scene() {
  const keys = await signers()
  const plan = planOf(keys)
  const taken: Envelope[] = []
  const published: Uint8Array[] = []
  const wide: Uint8Array[] = []
  const hostile: string[] = []
  const time = { ms: 0 }
  const stale = new Set<Envelope['body']['type']>()
  const post = new Post({
    plan,
    publish: async (bytes, isWide) => {
      published.push(bytes)
      if (isWide) wide.push(bytes)
    },
    isStale: ({ body }) => stale.has(body.type),
    onMessage: (envelope) => void taken.push(envelope),
    now: () => time.ms,
    onHostile: (neighbour) => void hostile.push(neighbour),
  })
  return { keys, plan, post, published, wide, taken, hostile, time, stale }
}

test('a signed message of a member is taken in once', async () => {
  const { keys, plan, post, published, taken } = await scene()
  const bytes = sealed(plan, keys[1], COMMIT)
  assert.equal(post.receive(bytes, NEIGHBOUR), 'accept')
  assert.equal(post.receive(bytes, NEIGHBOUR), 'ignore')
  assert.deepEqual(
    taken.map(({ body }) => body),
    [COMMIT],
  )
  assert.deepEqual(published, [], 'gossip itself forwards what it brought')
})

test('a forged or malformed message is held against the peer that passed it on; one of another plan is not', async () => {
  const { keys, plan, post, taken } = await scene()
  const good = sealed(plan, keys[1], COMMIT)
  const flipped = good.slice()
  flipped[good.length - 1] ^= 1
  const cases = [
    { id: 'no CBOR', bytes: Uint8Array.of(0xff), verdict: 'reject' },
    { id: 'a byte more', bytes: Uint8Array.of(...good, 0), verdict: 'reject' },
    { id: 'a flipped bit', bytes: flipped, verdict: 'reject' },
    { id: "a stranger in a member's name", bytes: sealed(plan, keys[2], COMMIT), verdict: 'reject' },
    { id: 'another plan', bytes: sealed(planOf(keys, 2), keys[1], COMMIT), verdict: 'ignore' },
  ]
  for (const { bytes, id, verdict } of cases) assert.equal(post.receive(bytes, NEIGHBOUR), verdict, id)
  assert.deepEqual(taken, [])
})

test('messages from anti-entropy are passed on by gossip, unless they are known or forged', async () => {
  const { keys, plan, post, published } = await scene()
  const bytes = sealed(plan, keys[1], COMMIT)
  post.receiveLate(bytes)
  post.receiveLate(bytes)
  assert.throws(() => post.receiveLate(sealed(plan, keys[2], COMMIT)), /malformed or forged/)
  assert.deepEqual(published, [bytes])
})

test('only what a member itself says, and seldom, goes to all neighbours at once', async () => {
  const { keys, plan, post, published, wide } = await scene()
  const from = memberOf(plan, keys[0].peerId)?.index ?? 0
  const own = (body: Body) => makeEnvelope(keys[0], toHex(plan.id), from, body)
  post.receiveLate(sealed(plan, keys[1], COMMIT))
  post.send(own({ type: 'status', round: 1, step: 'collect', attempt: 0, certificate: null, beat: 1 }))
  post.send(own(COMMIT))
  assert.equal(published.length, 3)
  assert.deepEqual(wide, [encodeEnvelope(own(COMMIT))])
})

test('the neighbour is known through which a member was heard last', async () => {
  const { keys, plan, post } = await scene()
  const from = memberOf(plan, keys[1].peerId)?.index ?? 0
  post.receiveLate(sealed(plan, keys[1], vote(1)))
  assert.equal(post.carrierOf(from), undefined)
  post.receive(sealed(plan, keys[1], vote(2)), NEIGHBOUR)
  post.receive(sealed(plan, keys[1], vote(2)), 'one that was slower')
  assert.equal(post.carrierOf(from), NEIGHBOUR)
})

test('a peer hears itself, and lists the last status of each member beside what it holds', async () => {
  const { keys, plan, post, taken } = await scene()
  const status = (beat: number): Body => ({
    type: 'status',
    round: 1,
    step: 'collect',
    attempt: 0,
    certificate: null,
    beat,
  })
  const from = memberOf(plan, keys[0].peerId)?.index ?? 0
  const commit = makeEnvelope(keys[0], toHex(plan.id), from, COMMIT)
  post.send(commit)
  assert.deepEqual(taken, [commit])
  const [late, early] = [sealed(plan, keys[1], status(7)), sealed(plan, keys[1], status(6))]
  post.receive(late, NEIGHBOUR)
  post.receive(early, NEIGHBOUR)
  assert.deepEqual([...post.index([commit]).keys()].sort(), [messageId(late), messageId(encodeEnvelope(commit))].sort())
})

/** A vote that nobody else casts: for another value each time. */
const vote = (number: number): Body => {
  return { type: 'prevote', round: 1, attempt: 0, value: number.toString(16).padStart(64, '0') }
}

test('a member that floods is heard as much as it may send, whoever passes it on, and its own link is closed', async () => {
  const { hostile, keys, plan, post, taken, time } = await scene()
  const flood = Array.from({ length: 3000 }, (_, i) => sealed(plan, keys[1], vote(i)))
  for (const bytes of flood.slice(0, 1000)) post.receive(bytes, NEIGHBOUR)
  assert.equal(taken.length, AUTHOR_BURST)
  assert.deepEqual(hostile, [], 'who passes it on is no liar')
  time.ms += 60_000
  for (const bytes of flood.slice(1000, 2000)) post.receive(bytes, NEIGHBOUR)
  assert.equal(taken.length, 2 * AUTHOR_BURST, 'no more than at the beginning, however long it was silent')
  const author = peerIdText(keys[1].peerId)
  for (const bytes of flood.slice(2000)) post.receive(bytes, author)
  assert.deepEqual(hostile, [author])
  assert.equal(taken.length, 2 * AUTHOR_BURST)
  assert.deepEqual(post.refused.list(), [{ peer: author, rejected: 0, excess: 3000 - taken.length }])
  assert.equal(post.receive(sealed(plan, keys[0], COMMIT), author), 'accept', 'others are heard as before')
})

test('old messages of a member that others send again are not passed on, and leave it what it may send', async () => {
  const { keys, plan, post, stale, taken } = await scene()
  stale.add('prevote')
  for (let i = 0; i < 2 * AUTHOR_BURST; i++) {
    assert.equal(post.receive(sealed(plan, keys[1], vote(i)), NEIGHBOUR), 'ignore')
  }
  assert.equal(post.receive(sealed(plan, keys[1], COMMIT), NEIGHBOUR), 'accept')
  assert.equal(taken.length, 1)
})

test('a member that is convicted is hardly heard any more', async () => {
  const { keys, plan, post, taken } = await scene()
  const from = memberOf(plan, keys[1].peerId)?.index ?? 0
  const [first, second] = [0, 1].map((i) => makeEnvelope(keys[1], toHex(plan.id), from, vote(i)))
  post.receive(sealed(plan, keys[0], makeEvidence(first, second)), NEIGHBOUR)
  for (let i = 2; i < 1000; i++) post.receive(sealed(plan, keys[1], vote(i)), NEIGHBOUR)
  assert.equal(taken.length, 1 + CONVICT_BURST)
})

test('a neighbour that sends forged messages is shown out, one that has a fault now and then is not', async () => {
  const { hostile, keys, plan, post, time } = await scene()
  const forged = (i: number) => sealed(plan, keys[2], vote(i))
  for (let i = 0; i < 100; i++) {
    time.ms += 1000 * LINK_FAULT_SECONDS
    assert.equal(post.receive(forged(i), NEIGHBOUR), 'reject')
  }
  assert.deepEqual(hostile, [])
  for (let i = 0; i < LINK_FAULTS; i++) post.receive(forged(i), 'another')
  assert.deepEqual(hostile, [])
  post.receive(Uint8Array.of(0xff), 'another')
  assert.deepEqual(hostile, ['another'])
  assert.throws(() => post.receiveLate(forged(100)))
  assert.deepEqual(post.refused.list(), [
    { peer: NEIGHBOUR, rejected: 100, excess: 0 },
    { peer: 'another', rejected: LINK_FAULTS + 1, excess: 0 },
    { peer: null, rejected: 1, excess: 0 },
  ])
})
