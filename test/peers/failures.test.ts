import assert from 'node:assert/strict'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DataDirectory } from '../../peers/disk/data-directory.ts'
import { JOIN_RETRY_MS } from '../../peers/network/constants.ts'
import type { PeerNode } from '../../peers/network/node.ts'
import { type FoundInit, found, type JoinInit, join } from '../../peers/peer.ts'
import { systemClock } from '../../peers/round/clock.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import type { PruneJob } from '../../peers/work/work.ts'
import { parseInvitation } from '../../protocols/plan/invitation.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { endingOf } from '../../scripts/terminal/refusal.ts'
import { InputError } from '../../src/base/errors.ts'
import { MatrixWork, TARGET } from '../support/matrices.ts'
import { LOOPBACK, onlyFederation, silentPort, temporaryDirectory } from '../support/nodes.ts'

const BLOCKS = 2

interface Scene {
  root: string
  /** Ends everything when the test does. */
  stop: AbortController
  /** The founder's line, once it has printed it. */
  line: Promise<string>
  found(fields?: Partial<FoundInit>): ReturnType<typeof found>
  join(i: number, fields?: Partial<JoinInit>): ReturnType<typeof join>
}

async function scene(context: TestContext, members: number): Promise<Scene> {
  const root = await temporaryDirectory(context)
  const stop = new AbortController()
  const lines = Promise.withResolvers<string>()
  const dataOf = (i: number) => DataDirectory.open(joinPath(root, `${i}`, 'data'))
  const placeOf = (i: number) => ({ out: joinPath(root, `${i}`, 'out') })
  const siteOf = (i: number) => ({ site: `site ${i}`, capacity: 1_000_000, work: () => new MatrixWork(BLOCKS, i) })
  const offer = {
    model: { name: 'matrices', hash: new Uint8Array(32).fill(3), parameters: 1536, blocks: BLOCKS },
    method: { pruner: 'wanda' as const, target: TARGET },
    rounds: 1,
    untilChange: null,
    sample: 1_000_000,
    windows: 1,
    window: 8,
    members,
    roundTimeoutMs: null,
  }
  const onEvent = (event: PeerEvent) => {
    if (event.type === 'invitation') lines.resolve(event.line)
  }
  const common = { listen: LOOPBACK, signal: stop.signal, agree: null }
  return {
    root,
    stop,
    line: lines.promise,
    found: async (fields) => {
      await using data = await dataOf(0)
      return await found({ ...common, data, ...siteOf(0), place: placeOf(0), offer, onEvent, ...fields })
    },
    join: async (i, fields) => {
      const invitation = fields?.invitation ?? parseInvitation(await lines.promise)
      await using data = await dataOf(i)
      return await join({ ...common, data, place: placeOf(i), prepare: async () => siteOf(i), ...fields, invitation })
    },
  }
}

/** The rejection of a peer that is about to be stopped: looked at later. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

test('a founder that is stopped while it waits ends at once and leaves no lock', async (context) => {
  const { found, line, root, stop } = await scene(context, 2)
  const founding = later(found())
  await line
  stop.abort(new Error('Ctrl-C'))
  await assert.rejects(founding, /Ctrl-C/)
  assert.deepEqual((await readdir(joinPath(root, '0', 'data'))).sort(), ['peer.key', 'plans.wal'])
})

test('peers that are stopped in the middle of pruning end at once and write nothing', async (context) => {
  const { found, join, root, stop } = await scene(context, 2)
  const pruning = Promise.withResolvers<void>()
  class Endless extends MatrixWork {
    override prune({ signal }: PruneJob): Promise<void> {
      pruning.resolve()
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
  }
  const prepare = async () => ({ site: 'slow', capacity: 1_000_000, work: () => new Endless(BLOCKS, 1) })
  const peers = [later(found()), later(join(1, { prepare }))]
  await pruning.promise
  stop.abort(new Error('Ctrl-C'))
  for (const peer of peers) await assert.rejects(peer, /Ctrl-C/)
  assert.deepEqual(await readdir(joinPath(root, '1')), ['data'])
})

test('without a federation nothing is left where nobody has asked for it', async (context) => {
  const { found, line, root, stop } = await scene(context, 2)
  const founding = later(found({ place: { parent: joinPath(root, 'coppice-out') } }))
  await line
  stop.abort(new Error('Ctrl-C'))
  await assert.rejects(founding, /Ctrl-C/)
  assert.deepEqual(await readdir(root), ['0'], 'the key of the site, in its data directory')
})

test('a founding that fails after sites have signed leaves nothing of it but that they have', async (context) => {
  const { found, join, root } = await scene(context, 2)
  const peers = [later(found()), later(join(1, { agree: async () => false }))]
  for (const peer of peers) await assert.rejects(peer, { code: 'REFUSED_DECLINED' })
  for (const i of [0, 1])
    assert.deepEqual((await readdir(joinPath(root, `${i}`, 'data'))).sort(), ['peer.key', 'plans.wal'])
})

for (const job of ['prune', 'validate', 'merge', 'writeModel'] as const) {
  test(`an engine that breaks in ${job} ends its peer with the error that broke it`, async (context) => {
    const { found, join, stop } = await scene(context, 2)
    const work = new MatrixWork(BLOCKS, 1)
    work[job] = async () => {
      throw new InputError({ code: 'BROKEN', what: 'the text is on fire', hint: 'Call for help.' })
    }
    const founding = later(found())
    const prepare = async () => ({ site: 'broken', capacity: 1_000_000, work: () => work })
    const refusal = await join(1, { prepare }).catch((error: unknown) => error)
    assert.equal(endingOf(refusal).text, 'coppice: the text is on fire (BROKEN)\nCall for help.\n')
    stop.abort(new Error('over'))
    await assert.rejects(founding, /over/)
  })
}

test('a disk that takes nothing more ends its peer with a refusal, not with a bug', async (context) => {
  const { found, join, root, stop } = await scene(context, 2)
  class Lost extends MatrixWork {
    override async prune({ signal }: PruneJob): Promise<void> {
      await rm(joinPath(await onlyFederation(joinPath(root, '1', 'data')), 'blobs'), { recursive: true })
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
  }
  const gate = Promise.withResolvers<void>()
  class Waiting extends MatrixWork {
    override async prune(job: PruneJob): Promise<void> {
      await gate.promise
      await super.prune(job)
    }
  }
  const founding = later(found({ work: () => new Waiting(BLOCKS, 0) }))
  const prepare = async () => ({ site: 'full', capacity: 1_000_000, work: () => new Lost(BLOCKS, 1) })
  const onEvent = ({ type }: PeerEvent) => {
    if (type === 'neighbours') gate.resolve()
  }
  await assert.rejects(join(1, { prepare, onEvent }), { code: 'OUTPUT_UNWRITABLE', exit: 8 })
  stop.abort(new Error('over'))
  await assert.rejects(founding, /over/)
})

test('a joiner whose model or text does not fit ends before its acceptance is sent', async (context) => {
  const { found, join, stop } = await scene(context, 2)
  const waiting: number[] = []
  const lines = Promise.withResolvers<string>()
  const founding = later(
    found({
      onEvent: (event) => {
        if (event.type === 'invitation') lines.resolve(event.line)
        if (event.type === 'waiting') waiting.push(event.sites.length)
      },
    }),
  )
  const refusal = new InputError({ code: 'TEXT_SHORT', what: 'too short', hint: 'More text.' })
  const prepare = async () => {
    throw refusal
  }
  const invitation = parseInvitation(await lines.promise)
  await assert.rejects(join(1, { invitation, prepare }), refusal)
  stop.abort(new Error('over'))
  await assert.rejects(founding, /over/)
  assert.deepEqual(waiting, [1])
})

test('one too many, a wrong secret and a data directory in use are refused', async (context) => {
  const { found, join, line, stop } = await scene(context, 2)
  const founding = later(found())
  const invitation = { ...parseInvitation(await line), secret: new Uint8Array(16) }
  await assert.rejects(join(1, { invitation }), { code: 'REFUSED_INVITATION', exit: 4 })
  const pruning = Promise.withResolvers<void>()
  class Endless extends MatrixWork {
    override prune({ signal }: PruneJob): Promise<void> {
      pruning.resolve()
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
  }
  const work = new Endless(BLOCKS, 2)
  const second = later(join(2, { prepare: async () => ({ site: 'second', capacity: 1_000_000, work: () => work }) }))
  await pruning.promise
  await assert.rejects(join(3), { code: 'REFUSED_FULL', exit: 4 })
  await assert.rejects(join(2), { code: 'OUTPUT_LOCKED', exit: 8 })
  stop.abort(new Error('over'))
  for (const peer of [founding, second]) await assert.rejects(peer, /over/)
})

test('a founder that does not answer is a network error', async (context) => {
  const { found, join, line, stop } = await scene(context, 2)
  const founding = later(found())
  const silent = (await line).replace(/\/tcp\/\d+\//, `/tcp/${await silentPort(context)}/`)
  assert.notEqual(silent, await line)
  stop.abort(new Error('gone'))
  await assert.rejects(founding, /gone/)
  const joining = join(1, { invitation: parseInvitation(silent), signal: AbortSignal.timeout(15_000) })
  await assert.rejects(joining, { code: 'NETWORK_UNREACHABLE', exit: 5 })
})

test('a joiner whose first question is cut off asks again', async (context) => {
  const { found, join } = await scene(context, 2)
  let asked = 0
  const onNode = (node: PeerNode) => {
    const handle = node.handle.bind(node)
    node.handle = (protocol, handler, most) =>
      handle(
        protocol,
        (stream, link) => (asked++ === 0 ? stream.abort(new Error('late')) : handler(stream, link)),
        most,
      )
  }
  const pause: Clock['pause'] = (ms, signal) => systemClock.pause(ms <= 2 * JOIN_RETRY_MS ? ms / 100 : ms, signal)
  const retries: PeerEvent[] = []
  const onEvent = (event: PeerEvent) => event.type === 'retrying' && retries.push(event)
  const results = await Promise.all([found({ onNode }), join(1, { clock: { ...systemClock, pause }, onEvent })])
  assert.equal(results[0].root, results[1].root)
  assert.equal(retries.length, 1)
})

test('an output directory that holds something is refused before anything is sent', async (context) => {
  const { found, root } = await scene(context, 2)
  await writeFile(joinPath(root, 'precious'), 'x')
  await assert.rejects(found({ place: { out: root } }), { code: 'OUTPUT_NOT_EMPTY', exit: 8 })
  assert.deepEqual((await readdir(root)).sort(), ['0', 'precious'])
})

test('a link that breaks in the middle of a round is taken up again', async (context) => {
  const { found, join } = await scene(context, 2)
  const cut = Promise.withResolvers<() => Promise<void>>()
  class Cutting extends MatrixWork {
    override async prune(job: PruneJob): Promise<void> {
      await (await cut.promise)()
      await super.prune(job)
    }
  }
  const prepare = async () => ({ site: 'cut off', capacity: 1_000_000, work: () => new Cutting(BLOCKS, 1) })
  const founding = found()
  const joining = join(1, {
    prepare,
    onNode: (node) =>
      cut.resolve(async () => {
        for (const connection of node.libp2p.getConnections()) connection.abort(new Error('the line is cut'))
      }),
  })
  const [a, b] = await Promise.all([founding, joining])
  assert.equal(a.root, b.root)
})
