import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import {
  ASKED_SIGNING_TIMEOUT_MS,
  MEMBER_PATIENCE_MS,
  SIGNING_TIMEOUT_MS,
  WAITING_TIMEOUT_MS,
} from '../../../protocols/founding/constants.ts'
import { Conversation } from '../../../protocols/founding/conversation.ts'
import {
  FOUNDING_PROTOCOL,
  type Founded,
  type FoundingComponents,
  type FoundingServer,
  fetchOffer,
  foundedServer,
  foundingRelay,
  foundingServer,
  joinFounding,
  MAX_FOUNDING_STREAMS,
  type PlanSigner,
} from '../../../protocols/founding/index.ts'
import { encodeFounding } from '../../../protocols/founding/messages.ts'
import { makeAcceptance } from '../../../protocols/plan/acceptance.ts'
import { makeOffer, type Offer, type SealedOffer } from '../../../protocols/plan/offer.ts'
import { decodeSignedPlan, encodeSignedPlan, makePlan, signPlan } from '../../../protocols/plan/plan.ts'
import type { SiteLabel } from '../../../protocols/plan/site-name.ts'
import { FrameStream } from '../../../protocols/stream/frames.ts'
import { writeMessage } from '../../../protocols/stream/messages.ts'
import type { Clock } from '../../../protocols/stream/time.ts'
import { equalBytes } from '../../../protocols/wire/encoding.ts'
import { type Signer, signerOf } from '../../../protocols/wire/signing.ts'
import { testNodes } from '../../support/nodes.ts'

const SECRET = new Uint8Array(16).fill(7)

function offerOf(founder: Signer, fields: Partial<Offer> = {}): SealedOffer {
  return makeOffer({
    founder: founder.peerId,
    nonce: new Uint8Array(16).fill(1),
    model: { name: 'tiny', hash: new Uint8Array(32).fill(2), parameters: 1000, blocks: 4 },
    method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
    rounds: 1,
    untilChange: null,
    sample: 1_000_000,
    windows: 1,
    window: 8,
    members: 3,
    roundTimeoutMs: null,
    ...fields,
  })
}

interface Site {
  node: PeerNode
  signer: Signer
  name: string
}

interface Scene {
  sites: Site[]
  offer: SealedOffer
  server: FoundingServer
  joined: string[][]
  signal: AbortSignal
}

interface SceneOptions {
  members?: number
  /** Sites besides the founder; default: as many as there are seats. */
  joiners?: number
  clock?: Clock
  signs?: boolean
  /** Whether a person is asked at the founder. */
  asks?: boolean
  sign?: PlanSigner
  keep?(founded: Founded): Promise<void>
  terms?: Partial<Offer>
}

/** A founder and joiners that know its address; nobody has joined yet. */
async function scene(
  context: TestContext,
  { members = 3, joiners, clock = systemClock, signs = true, asks = false, sign, keep, terms }: SceneOptions = {},
): Promise<Scene> {
  const nodes = await testNodes(context, 1 + (joiners ?? members - 1))
  const sites = await Promise.all(
    nodes.map(async (node, i) => {
      const { raw } = await identityFromSeed(context.name, i)
      return { node, signer: signerOf(raw), name: `site ${i}` }
    }),
  )
  const { node, signer, name } = sites[0]
  const offer = offerOf(signer, { members, ...terms })
  const joined: string[][] = []
  const own = makeAcceptance(signer, { offer: offer.hash, secret: SECRET, site: name, capacity: 1_000_000 })
  const server = foundingServer({
    offer,
    secret: SECRET,
    own,
    addresses: node.listenAddresses(),
    asks,
    sign: sign ?? (signs ? async (plan) => signPlan(signer, plan) : () => new Promise(() => {})),
    keep: keep ?? (async () => undefined),
    clock,
    onWaiting: (sites) => void joined.push(sites.map(({ site }) => site)),
  })
  await node.handle(FOUNDING_PROTOCOL, server.handle, MAX_FOUNDING_STREAMS)
  return { sites, offer, server, joined, signal: AbortSignal.timeout(20_000) }
}

async function componentsOf({ node }: Site, via: Site, signal: AbortSignal): Promise<FoundingComponents> {
  const connection = await node.dial(multiaddr(via.node.listenAddresses()[0]), signal)
  const open = (stop: AbortSignal) => connection.newStream(FOUNDING_PROTOCOL, { signal: stop })
  return { open, clock: systemClock, signal }
}

interface JoinOptions {
  via?: Site
  secret?: Uint8Array
  onWaiting?(sites: SiteLabel[], members: number): void
  onSigning?(plan: Founded['plan'], signed: number[]): void
  asks?: boolean
  sign?: PlanSigner
  signal?: AbortSignal
  clock?: Clock
}

async function join(scene: Scene, index: number, options: JoinOptions = {}): Promise<Founded> {
  const { via = scene.sites[0], secret = SECRET, asks = false, onWaiting, onSigning } = options
  const site = scene.sites[index]
  const { clock = systemClock, signal = scene.signal } = options
  const components = { ...(await componentsOf(site, via, signal)), clock }
  const { offer } = await fetchOffer(scene.offer.hash, components)
  const acceptance = makeAcceptance(site.signer, { offer: offer.hash, secret, site: site.name, capacity: 500_000 })
  const sign = options.sign ?? (async (plan) => signPlan(site.signer, plan))
  const addresses = site.node.listenAddresses()
  const init = { offer, secret: SECRET, acceptance, addresses, asks, sign, onWaiting, onSigning }
  return joinFounding(init, components)
}

test('all members end with one plan and all signatures over it', async (context) => {
  const all = await scene(context)
  const results = await Promise.all([all.server.founded(all.signal), join(all, 1), join(all, 2)])
  const [{ plan }] = results
  assert.equal(plan.members.length, 3)
  for (const { plan: other, signatures, addresses } of results) {
    assert.ok(equalBytes(other.id, plan.id))
    assert.equal(decodeSignedPlan(encodeSignedPlan({ plan: other, signatures })).signatures.length, 3)
    assert.equal(addresses.length, 3)
    assert.ok(addresses.every(({ addresses: own }) => own.length > 0))
  }
  assert.deepEqual(all.joined.at(-1)?.toSorted(), ['site 0', 'site 1', 'site 2'])
})

test('capacities that leave a group of blocks with too few sites end the founding, with the least that works', async (context) => {
  const all = await scene(context, { members: 4, terms: { merge: 'pooled', rounds: 4 } })
  // The founder takes part in all four groups, each joiner in two: ten places, and each group needs three sites.
  const refused = { code: 'REFUSED_GROUPS', hint: /--capacity 0.625 or more/ }
  const joined = [1, 2, 3].map((index) => assert.rejects(join(all, index), refused))
  await assert.rejects(all.server.founded(all.signal), refused)
  await Promise.all(joined)
})

test('a waiting joiner hears how many have joined, and one that leaves frees its seat', async (context) => {
  const all = await scene(context, { members: 4, joiners: 4 })
  const founded = all.server.founded(all.signal)
  const heard: number[] = []
  const grown = Promise.withResolvers<void>()
  const shrunk = Promise.withResolvers<void>()
  const onWaiting = ({ length }: SiteLabel[]) => {
    heard.push(length)
    if (length === 3) grown.resolve()
    if (length === 2 && heard.includes(3)) shrunk.resolve()
  }
  const staying = join(all, 1, { onWaiting })
  const leave = new AbortController()
  const leaving = join(all, 4, { signal: leave.signal })
  await grown.promise
  leave.abort(new Error('changed its mind'))
  await assert.rejects(leaving, /changed its mind/)
  await shrunk.promise
  const results = await Promise.all([founded, staying, join(all, 2), join(all, 3)])
  assert.deepEqual(results[0].plan.members.map(({ site }) => site).sort(), ['site 0', 'site 1', 'site 2', 'site 3'])
})

test('a wrong secret, an unknown offer, a second time and one too many are refused', async (context) => {
  const all = await scene(context, { members: 3, joiners: 3 })
  const founded = all.server.founded(all.signal)
  await assert.rejects(join(all, 1, { secret: new Uint8Array(16) }), { code: 'REFUSED_INVITATION', exit: 4 })
  const components = await componentsOf(all.sites[1], all.sites[0], all.signal)
  await assert.rejects(fetchOffer(new Uint8Array(32), components), { code: 'REFUSED_OFFER', exit: 4 })
  const waiting = Promise.withResolvers<void>()
  const first = join(all, 1, { onWaiting: () => waiting.resolve() })
  await waiting.promise
  await assert.rejects(join(all, 1), { code: 'REFUSED_MEMBER', exit: 4 })
  await Promise.all([join(all, 2), first, founded])
  await assert.rejects(join(all, 3), { code: 'REFUSED_FULL', exit: 4 })
})

test('another version is refused with the version that is wanted', async (context) => {
  const all = await scene(context)
  const { open } = await componentsOf(all.sites[1], all.sites[0], all.signal)
  const conversation = new Conversation(await open(all.signal), all.signal)
  await conversation.send({ type: 'ask', version: 1, offer: all.offer.hash })
  assert.deepEqual(await conversation.fromFounder(), { type: 'refused', reason: 'version', version: 4 })
})

test('an offer that was edited on the way is refused by the joiner', async (context) => {
  const all = await scene(context)
  const edited = offerOf(all.sites[0].signer, { windows: 1000 })
  await all.sites[0].node.libp2p.handle(
    FOUNDING_PROTOCOL,
    async (stream) => {
      const conversation = new Conversation(stream, all.signal)
      await conversation.fromJoiner()
      await conversation.send({ type: 'offer', offer: edited.bytes, sites: [] })
    },
    { force: true },
  )
  await assert.rejects(join(all, 1), { code: 'REFUSED_EDITED_OFFER', exit: 4 })
})

test('a lost founder is a network error', async (context) => {
  const all = await scene(context)
  const waiting = Promise.withResolvers<void>()
  const joining = join(all, 1, { onWaiting: () => waiting.resolve() })
  await waiting.promise
  await all.sites[0].node.stop()
  await assert.rejects(joining, { code: 'NETWORK_FOUNDER_GONE', exit: 5 })
})

for (const decliner of ['founder', 'joiner'] as const) {
  test(`the no of a ${decliner} ends the founding by name for all, who need not answer any more`, async (context) => {
    const withdrawn: unknown[] = []
    /** Has not answered yet. */
    const asked: PlanSigner = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          withdrawn.push(signal.reason)
          reject(signal.reason)
        })
      })
    const declines: PlanSigner = async () => null
    const isFounder = decliner === 'founder'
    const all = await scene(context, { asks: true, sign: isFounder ? declines : asked })
    const founded = all.server.founded(all.signal)
    const first = join(all, 1, { asks: true, sign: isFounder ? asked : declines })
    const second = join(all, 2, { asks: true, sign: asked })
    const own = { code: 'REFUSED_DECLINED', exit: 4, message: /^you do not sign/ }
    const name = isFounder ? 'site 0' : 'site 1'
    const others = {
      code: 'REFUSED_DECLINED',
      exit: 4,
      message: new RegExp(`^${name} \\(12D3KooW\\w{8}\\.\\.\\.\\) does not sign`),
    }
    await Promise.all([
      assert.rejects(founded, isFounder ? own : others),
      assert.rejects(first, isFounder ? others : own),
      assert.rejects(second, others),
    ])
    assert.equal(withdrawn.length, 2)
    await assert.rejects(join(all, 1), { code: 'NO_AGREEMENT_SIGNATURES', exit: 6 }, 'the offer is void')
  })
}

test('a member that leaves while others decide ends the founding by name', async (context) => {
  const all = await scene(context, { asks: true, sign: async (plan) => signPlan(all.sites[0].signer, plan) })
  const founded = all.server.founded(all.signal)
  const leave = new AbortController()
  const asked = Promise.withResolvers<void>()
  const sign: PlanSigner = (_, signal) =>
    new Promise((_resolve, reject) => {
      asked.resolve()
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  const staying = join(all, 1)
  const leaving = join(all, 2, { asks: true, sign, signal: leave.signal })
  await asked.promise
  leave.abort(new Error('Ctrl-C'))
  await assert.rejects(leaving, /Ctrl-C/)
  const refusal = {
    code: 'NO_AGREEMENT_SIGNATURES',
    exit: 6,
    message: /^site 2 \(12D3KooW.*\) left before it signed/,
  }
  await Promise.all([assert.rejects(founded, refusal), assert.rejects(staying, refusal)])
})

test('a member that has signed hears for whom the others still wait', async (context) => {
  const gate = Promise.withResolvers<void>()
  const all = await scene(context, {
    asks: true,
    sign: async (plan) => {
      await gate.promise
      return signPlan(all.sites[0].signer, plan)
    },
  })
  const heard: string[][] = []
  const onSigning = (plan: Founded['plan'], signed: number[]) => {
    heard.push(signed.map((index) => plan.members[index].site).sort())
    if (signed.length === 2) gate.resolve()
  }
  await Promise.all([all.server.founded(all.signal), join(all, 1, { onSigning }), join(all, 2)])
  assert.deepEqual(heard.at(-1), ['site 1', 'site 2'])
})

for (const [asking, ms] of [
  ['nobody', SIGNING_TIMEOUT_MS],
  ['founder', ASKED_SIGNING_TIMEOUT_MS],
  ['joiner', ASKED_SIGNING_TIMEOUT_MS],
] as const) {
  test(`signatures may take ${ms / 1000} s where ${asking} is asked, and a little more at the members`, async (context) => {
    const deadlines: number[] = []
    const clock: Clock = {
      ...systemClock,
      deadline: (ms, parent) => {
        deadlines.push(ms)
        return systemClock.deadline(ms, parent)
      },
    }
    const all = await scene(context, { members: 2, clock, asks: asking === 'founder' })
    await Promise.all([all.server.founded(all.signal), join(all, 1, { clock, asks: asking === 'joiner' })])
    const long = deadlines.filter((each) => each > WAITING_TIMEOUT_MS || each === ms)
    const [most, next] = long.toSorted((a, b) => b - a)
    assert.deepEqual([most, next], [ms + MEMBER_PATIENCE_MS, ms])
  })
}

test('a founder of an older protocol of founding is told apart from one that is lost', async (context) => {
  const all = await scene(context)
  await all.sites[0].node.libp2p.unhandle(FOUNDING_PROTOCOL)
  await assert.rejects(join(all, 1), { code: 'REFUSED_VERSION', exit: 4 })
})

test('a hostile founder cannot keep a member waiting, nor name members that there are not', async (context) => {
  const all = await scene(context, { members: 2 })
  const { open } = await componentsOf(all.sites[1], all.sites[0], all.signal)
  const site = all.sites[1]
  const own = makeAcceptance(site.signer, { offer: all.offer.hash, secret: SECRET, site: 'a', capacity: 1 })
  const founder = makeAcceptance(all.sites[0].signer, { offer: all.offer.hash, secret: SECRET, site: 'f', capacity: 1 })
  const { bytes: plan } = makePlan(all.offer, [own, founder], SECRET)
  await all.sites[0].node.libp2p.handle(
    FOUNDING_PROTOCOL,
    async (stream) => {
      const conversation = new Conversation(stream, all.signal)
      await conversation.fromJoiner()
      await conversation.send({ type: 'plan', plan, addresses: [], asks: true })
      await conversation.send({ type: 'signing', signed: [5] })
      await conversation.send({ type: 'ended', ending: 'declined', members: [7] })
    },
    { force: true },
  )
  const sign: PlanSigner = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const init = { offer: all.offer, secret: SECRET, acceptance: own, addresses: [], asks: true, sign }
  const joined = joinFounding(init, { open, clock: systemClock, signal: all.signal })
  await assert.rejects(joined, { code: 'REFUSED_DECLINED', message: 'a member does not sign the plan' })
})

test('a founder without all signatures in time gives up, and so do the members', async (context) => {
  const late = new AbortController()
  // The one deadline of the founder's minute, under the test's control.
  const clock: Clock = {
    ...systemClock,
    deadline: (ms, parent) => {
      if (ms !== SIGNING_TIMEOUT_MS) return systemClock.deadline(ms, parent)
      return { signal: late.signal, restart() {}, clear() {}, [Symbol.dispose]() {} }
    },
  }
  const all = await scene(context, { members: 2, clock, signs: false })
  const founded = all.server.founded(all.signal)
  const site = all.sites[1]
  const components = await componentsOf(site, all.sites[0], all.signal)
  const acceptance = makeAcceptance(site.signer, { offer: all.offer.hash, secret: SECRET, site: 'a', capacity: 1 })
  const sign = async (plan: Founded['plan']) => {
    queueMicrotask(() => late.abort())
    return signPlan(site.signer, plan)
  }
  const joined = joinFounding(
    { offer: all.offer, secret: SECRET, acceptance, addresses: [], asks: false, sign },
    components,
  )
  await Promise.all([
    assert.rejects(founded, { code: 'NO_AGREEMENT_SIGNATURES', exit: 6 }),
    assert.rejects(joined, { code: 'NO_AGREEMENT_SIGNATURES', exit: 6 }),
  ])
})

test('a member that sees only another joiner is founded through it', async (context) => {
  const all = await scene(context, { members: 4 })
  const founded = all.server.founded(all.signal)
  for (const i of [1, 2]) {
    const towards = await componentsOf(all.sites[i], all.sites[i - 1], all.signal)
    const relay = foundingRelay({ open: towards.open, clock: systemClock, signal: all.signal })
    await all.sites[i].node.handle(FOUNDING_PROTOCOL, relay, MAX_FOUNDING_STREAMS)
  }
  const results = await Promise.all([founded, ...[1, 2, 3].map((i) => join(all, i, { via: all.sites[i - 1] }))])
  assert.equal(new Set(results.map(({ plan }) => plan.id.join())).size, 1)
  assert.deepEqual(all.sites[3].node.libp2p.getPeers().map(String), [all.sites[2].node.peerId])
})

test('a refusal comes through those who pass it on', async (context) => {
  const all = await scene(context, { members: 3 })
  const towards = await componentsOf(all.sites[1], all.sites[0], all.signal)
  const relay = foundingRelay({ open: towards.open, clock: systemClock, signal: all.signal })
  await all.sites[1].node.handle(FOUNDING_PROTOCOL, relay, MAX_FOUNDING_STREAMS)
  const wrong = join(all, 2, { via: all.sites[1], secret: new Uint8Array(16).fill(9) })
  await assert.rejects(wrong, { code: 'REFUSED_INVITATION' })
})

test('no member hears that a federation is founded before its founder has kept it', async (context) => {
  const [kept, asked] = [Promise.withResolvers<void>(), Promise.withResolvers<Founded>()]
  const all = await scene(context, {
    members: 2,
    keep(founded) {
      asked.resolve(founded)
      return kept.promise
    },
  })
  const ended: string[] = []
  const founded = all.server.founded(all.signal).finally(() => ended.push('founder'))
  const joined = join(all, 1).finally(() => ended.push('member'))
  assert.equal((await asked.promise).signatures.length, 2)
  // Whatever comes meanwhile is answered, and no signature with it.
  await assert.rejects(join(all, 1), { code: 'REFUSED_MEMBER' })
  assert.deepEqual(ended, [])
  kept.resolve()
  assert.ok(equalBytes((await founded).plan.id, (await joined).plan.id))
})

test('a founder that cannot keep the federation has founded none', async (context) => {
  const keep = () => Promise.reject(new Error('the disk is full'))
  const all = await scene(context, { members: 2, keep })
  const leave = new AbortController()
  const joined = join(all, 1, { signal: leave.signal })
  joined.catch(() => undefined)
  await assert.rejects(all.server.founded(all.signal), /the disk is full/)
  leave.abort(new Error('left'))
  await assert.rejects(joined, /left/)
})

test('any member gives plan and signatures to one that comes back without them, and to nobody else', async (context) => {
  const all = await scene(context, { members: 3, joiners: 3 })
  const [{ plan, signatures, addresses }] = await Promise.all([
    all.server.founded(all.signal),
    join(all, 1),
    join(all, 2),
  ])
  const via = all.sites[1]
  const handle = foundedServer({ plan, signatures, addresses: () => addresses, clock: systemClock })
  await via.node.handle(FOUNDING_PROTOCOL, handle, MAX_FOUNDING_STREAMS)
  const back = await join(all, 2, { via })
  assert.ok(equalBytes(back.plan.id, plan.id))
  assert.deepEqual(back.signatures, signatures)
  assert.deepEqual(back.addresses, addresses)
  const components = await componentsOf(all.sites[2], via, all.signal)
  const { offer, sites } = await fetchOffer(all.offer.hash, components)
  assert.deepEqual(offer.bytes, all.offer.bytes)
  assert.deepEqual(sites.map(({ site }) => site).sort(), ['site 0', 'site 1', 'site 2'])
  await assert.rejects(fetchOffer(new Uint8Array(32), components), { code: 'REFUSED_OFFER' })
  await assert.rejects(join(all, 3, { via }), { code: 'REFUSED_FULL' })
  await assert.rejects(join(all, 2, { via, secret: new Uint8Array(16) }), { code: 'REFUSED_MEMBER' })
})

test('hostile first messages are reset and others can still join', async (context) => {
  const all = await scene(context, { members: 2, joiners: 1 })
  const { open } = await componentsOf(all.sites[1], all.sites[0], all.signal)
  const accept = encodeFounding({ type: 'accept', acceptance: Uint8Array.of(1), addresses: [], asks: false })
  const cases = [
    { id: 'not CBOR', bytes: Uint8Array.of(0xff) },
    { id: 'empty', bytes: new Uint8Array() },
    { id: 'signature first', bytes: encodeFounding({ type: 'signature', signature: new Uint8Array(64) }) },
    { id: 'trailing byte', bytes: Uint8Array.of(...accept, 0) },
  ]
  for (const { id, bytes } of cases) {
    const frames = new FrameStream(await open(all.signal), { signal: all.signal })
    await writeMessage(frames, bytes)
    await assert.rejects(frames.expect('an answer'), id)
  }
  const conversation = new Conversation(await open(all.signal), all.signal)
  await conversation.send({ type: 'accept', acceptance: Uint8Array.of(1), addresses: [], asks: false })
  assert.deepEqual(await conversation.fromFounder(), { type: 'refused', reason: 'acceptance', version: 4 })
  await Promise.all([all.server.founded(all.signal), join(all, 1)])
})
