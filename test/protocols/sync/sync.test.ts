import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { FrameStream } from '../../../protocols/stream/frames.ts'
import { writeMessage } from '../../../protocols/stream/messages.ts'
import { MAX_CERTIFICATES, MAX_ENVELOPES } from '../../../protocols/sync/constants.ts'
import { messageId, SYNC_PROTOCOL, type SyncSource, syncServer, syncWith } from '../../../protocols/sync/index.ts'
import { encodeSync } from '../../../protocols/sync/messages.ts'
import { closeRosters, connect, testNodes } from '../../support/nodes.ts'

/** Holds messages and certificates as they come; checking them is not this protocol's business. */
class Shelf implements SyncSource {
  readonly held = new Map<string, Uint8Array>()
  readonly chain: Uint8Array[] = []
  private changed: () => void = () => {}

  constructor(messages: string[], certificates: number) {
    for (const text of messages) this.takeEnvelope(Buffer.from(text))
    for (let i = 1; i <= certificates; i++) this.chain.push(Uint8Array.of(i))
  }

  rounds = () => this.chain.length
  certificate = async (round: number) => this.chain[round - 1] ?? null
  messages = () => new Map(this.held)
  takeEnvelope(bytes: Uint8Array): void {
    this.held.set(messageId(bytes), new Uint8Array(bytes))
    this.changed()
  }
  async takeCertificate(bytes: Uint8Array): Promise<void> {
    this.chain.push(bytes)
    this.changed()
  }
  /** The asked side takes in the end of an exchange after the asker is done. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }
  texts(): string[] {
    return [...this.held.values()].map((bytes) => Buffer.from(bytes).toString()).sort()
  }
}

interface Pair {
  asker: PeerNode
  behind: number
  sync(): Promise<void>
}

async function pair(context: TestContext, mine: SyncSource, theirs: SyncSource, strangers = false): Promise<Pair> {
  const [asker, server] = await testNodes(context, 2)
  await connect(asker, server)
  closeRosters([asker, server])
  const shared = { clock: systemClock, isMember: () => !strangers }
  const result: Pair = {
    asker,
    behind: 0,
    sync: () => {
      const open = (signal: AbortSignal) => asker.open(server.peerId, SYNC_PROTOCOL, signal)
      return syncWith(open, { ...shared, source: mine }, AbortSignal.timeout(10_000))
    },
  }
  const onBehind = () => result.behind++
  await server.handle(SYNC_PROTOCOL, syncServer({ ...shared, source: theirs, onBehind }), 4)
  return result
}

test('both sides end with the messages of both', async (context) => {
  const [mine, theirs] = [new Shelf(['a', 'b', 'c'], 0), new Shelf(['b', 'd'], 0)]
  const { sync } = await pair(context, mine, theirs)
  await sync()
  assert.deepEqual(mine.texts(), ['a', 'b', 'c', 'd'])
  await theirs.until(() => theirs.held.size === 4)
  assert.deepEqual(theirs.texts(), ['a', 'b', 'c', 'd'])
})

test('whoever is behind gets the certificates that follow its own, in order', async (context) => {
  const [mine, theirs] = [new Shelf([], 2), new Shelf([], 5)]
  const peers = await pair(context, mine, theirs)
  await peers.sync()
  assert.deepEqual(
    mine.chain.map(([round]) => round),
    [1, 2, 3, 4, 5],
  )
  assert.equal(peers.behind, 1)
  await peers.sync()
  assert.equal(peers.behind, 1, 'who lacks nothing keeps nobody waiting')
})

test('certificates go from the asker to the asked as well', async (context) => {
  const [mine, theirs] = [new Shelf([], 4), new Shelf([], 1)]
  const { sync } = await pair(context, mine, theirs)
  await sync()
  await theirs.until(() => theirs.chain.length === 4)
  assert.deepEqual(
    theirs.chain.map(([round]) => round),
    [1, 2, 3, 4],
  )
})

test('a long difference comes in several exchanges', async (context) => {
  const many = Array.from({ length: MAX_ENVELOPES + 10 }, (_, i) => `message ${i}`)
  const [mine, theirs] = [new Shelf([], 0), new Shelf(many, MAX_CERTIFICATES + 3)]
  const { sync } = await pair(context, mine, theirs)
  await sync()
  assert.equal(mine.held.size, MAX_ENVELOPES)
  assert.equal(mine.chain.length, MAX_CERTIFICATES)
  await sync()
  assert.equal(mine.held.size, many.length)
  assert.equal(mine.chain.length, MAX_CERTIFICATES + 3)
})

test('strangers are told nothing', async (context) => {
  const [mine, theirs] = [new Shelf([], 0), new Shelf(['secret'], 0)]
  const { sync } = await pair(context, mine, theirs, true)
  await assert.rejects(sync())
  assert.equal(mine.held.size, 0)
})

test('hostile exchanges are reset and honest ones still work', async (context) => {
  const [mine, theirs] = [new Shelf(['a'], 0), new Shelf(['b'], 0)]
  const { asker, sync } = await pair(context, mine, theirs)
  const [peer] = asker.neighbours().keys()
  const cases = [
    { id: 'not CBOR', bytes: Uint8Array.of(0xff) },
    { id: 'envelopes first', bytes: encodeSync({ type: 'envelopes', envelopes: [] }) },
    { id: 'half an id', bytes: encodeSync({ type: 'have', rounds: 0, known: new Uint8Array(7) }) },
    {
      id: 'a message of 1 KiB and a byte',
      bytes: encodeSync({ type: 'envelopes', envelopes: [new Uint8Array(1025)] }),
    },
  ]
  for (const { id, bytes } of cases) {
    const signal = AbortSignal.timeout(5000)
    const frames = new FrameStream(await asker.open(peer, SYNC_PROTOCOL, signal), { signal })
    await writeMessage(frames, bytes)
    await assert.rejects(frames.expect('an answer'), id)
  }
  const signal = AbortSignal.timeout(5000)
  const frames = new FrameStream(await asker.open(peer, SYNC_PROTOCOL, signal), { signal })
  await frames.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
  await assert.rejects(frames.expect('an answer'), 'a message of 4 GiB')
  await sync()
  assert.deepEqual(mine.texts(), ['a', 'b'])
})
