import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { type Greeting, HELLO_PROTOCOL, helloServer, sayHello } from '../../../protocols/hello/index.ts'
import { encodeHello } from '../../../protocols/hello/messages.ts'
import { FrameStream } from '../../../protocols/stream/frames.ts'
import { closeRosters, connect, testNodes } from '../../support/nodes.ts'

const GREETING: Greeting = {
  version: 4,
  plan: new Uint8Array(32).fill(1),
  model: new Uint8Array(32).fill(2),
  certificate: null,
  rounds: 0,
}

/** Two connected members; the second answers with `own`. */
async function pair(context: TestContext, own: Greeting | null): Promise<{ asker: PeerNode; greeted: Greeting[] }> {
  const [asker, server] = await testNodes(context, 2)
  await connect(asker, server)
  closeRosters([asker, server])
  const greeted: Greeting[] = []
  const handle = helloServer({
    own: () => own,
    isMember: (peer) => server.isMember(peer),
    clock: systemClock,
    onGreeting: (_, greeting) => void greeted.push(greeting),
  })
  await server.handle(HELLO_PROTOCOL, handle, 4)
  return { asker, greeted }
}

function hello(asker: PeerNode, own: Greeting = GREETING) {
  const [peer] = asker.neighbours().keys()
  const open = (signal: AbortSignal) => asker.open(peer, HELLO_PROTOCOL, signal)
  return sayHello({ open, own, clock: systemClock, signal: AbortSignal.timeout(5000) })
}

test('members of one federation tell each other how far they are', async (context) => {
  const theirs = { ...GREETING, certificate: new Uint8Array(32).fill(9), rounds: 3 }
  const { asker, greeted } = await pair(context, theirs)
  assert.deepEqual(await hello(asker), { type: 'hello', greeting: theirs })
  assert.deepEqual(greeted, [GREETING])
})

const refusals: Array<{ own: Greeting | null; theirs?: Partial<Greeting>; reason: string }> = [
  { own: null, reason: 'not-ready' },
  { own: GREETING, theirs: { version: 1 }, reason: 'version' },
  { own: GREETING, theirs: { model: new Uint8Array(32) }, reason: 'model' },
  { own: GREETING, theirs: { plan: new Uint8Array(32) }, reason: 'plan' },
]

for (const { own, theirs, reason } of refusals) {
  test(`a greeting is refused with the reason ${reason}`, async (context) => {
    const { asker, greeted } = await pair(context, own)
    assert.deepEqual(await hello(asker, { ...GREETING, ...theirs }), { type: 'refused', reason })
    assert.deepEqual(greeted, [])
  })
}

test('an answer of another federation is refused by the asker as well', async (context) => {
  const [asker, server] = await testNodes(context, 2)
  await connect(asker, server)
  closeRosters([asker, server])
  const answer = encodeHello({ type: 'hello', greeting: { ...GREETING, plan: new Uint8Array(32).fill(7) } })
  await server.libp2p.handle(HELLO_PROTOCOL, async (stream) => {
    const frames = new FrameStream(stream, { signal: AbortSignal.timeout(5000) })
    await frames.read()
    await frames.write(answer)
    await frames.close()
  })
  assert.deepEqual(await hello(asker), { type: 'refused', reason: 'plan' })
})

test('malformed greetings are reset', async (context) => {
  const { asker } = await pair(context, GREETING)
  const good = encodeHello(GREETING)
  const cases = [
    { id: 'one byte short', bytes: good.subarray(1) },
    { id: 'one byte long', bytes: Uint8Array.of(...good, 0) },
    { id: 'beyond the limit', bytes: new Uint8Array(513) },
  ]
  const [peer] = asker.neighbours().keys()
  for (const { id, bytes } of cases) {
    const signal = AbortSignal.timeout(5000)
    const frames = new FrameStream(await asker.open(peer, HELLO_PROTOCOL, signal), { signal })
    await frames.write(bytes)
    await assert.rejects(frames.expect('an answer'), id)
  }
  assert.equal((await hello(asker)).type, 'hello')
})
