import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { BlobStore } from '../../../peers/disk/store.ts'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { HOLD_MS } from '../../../protocols/blob/constants.ts'
import { BlobTooLargeError } from '../../../protocols/blob/errors.ts'
import {
  BLOB_PROTOCOL,
  type BlobClientComponents,
  type BlobSink,
  blobClient,
  blobServer,
  MAX_STREAMS_PER_PEER,
} from '../../../protocols/blob/index.ts'
import { encodeAnswer, encodeRequest } from '../../../protocols/blob/messages.ts'
import { FrameStream } from '../../../protocols/stream/frames.ts'
import type { Clock } from '../../../protocols/stream/time.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { blobId, CHUNK_BYTES, type ChunkList } from '../../../protocols/wire/hash.ts'
import { detour, openWay } from '../../support/faults/links.ts'
import { closeRosters, connect, temporaryDirectory, testNodes } from '../../support/nodes.ts'
import { flipped } from '../../support/people.ts'

/** Deadlines of a tenth of a second at most, so that what is slow is soon too slow. */
const IMPATIENT: Clock = {
  ...systemClock,
  deadline: (ms, parent) => systemClock.deadline(Math.min(ms, 100), parent),
}

const NEVER = new Promise<void>(() => undefined)

interface Site {
  node: PeerNode
  store: BlobStore
}

async function serve(node: PeerNode, store: BlobStore): Promise<void> {
  const server = blobServer({ source: store, clock: systemClock, admits: (peer) => node.isMember(peer) })
  await node.handle(BLOB_PROTOCOL, server.handle, MAX_STREAMS_PER_PEER)
}

/** Peer 0 asks; the others serve, each from its own store, or answer as a test says. */
async function sites(context: TestContext, count: number): Promise<Site[]> {
  const nodes = await testNodes(context, count)
  for (const node of nodes.slice(1)) await connect(node, nodes[0])
  closeRosters(nodes)
  return Promise.all(
    nodes.map(async (node) => {
      const store = await BlobStore.open(await temporaryDirectory(context))
      await serve(node, store)
      return { node, store }
    }),
  )
}

function clientOf({ node }: Site, components: Partial<BlobClientComponents> = {}) {
  return blobClient({
    neighbours: () => node.neighbours().keys(),
    open: (peer, signal) => node.open(peer, BLOB_PROTOCOL, signal),
    clock: systemClock,
    random: Math.random,
    ...components,
  })
}

/** Replaces a server by one that reads the request and then does as it likes. */
async function answerWith(site: Site, answer: (frames: FrameStream, stream: Stream) => Promise<void>): Promise<void> {
  await site.node.libp2p.handle(
    BLOB_PROTOCOL,
    async (stream) => {
      const frames = new FrameStream(stream, { signal: new AbortController().signal })
      await frames.read()
      await answer(frames, stream).catch(() => {})
    },
    { force: true },
  )
}

/** A list frame and an answer for these bytes, as an honest server would begin. */
async function honestHead(frames: FrameStream, store: BlobStore, id: string): Promise<void> {
  const list = await store.chunks(id)
  assert.ok(list)
  await frames.write(encodeAnswer({ status: 'found', byteLength: list.byteLength }))
  await frames.write(list.hashes)
}

/** @param id - of the blob that is fetched */
const fetchOptions = ({ store }: Site, id: string, maxBytes = 64 * CHUNK_BYTES) => ({
  maxBytes,
  begun: store.begun(id),
  create: (list: ChunkList) => store.sink(id, list),
  signal: AbortSignal.timeout(15_000),
})

/** The same, and `written` is called with each chunk that is written. */
function watched(site: Site, id: string, written: (chunk: Uint8Array) => void) {
  const options = fetchOptions(site, id)
  const create = async (list: ChunkList): Promise<BlobSink> => {
    const sink = await options.create(list)
    const write = sink.write.bind(sink)
    return Object.assign(sink, {
      async write(chunk: Uint8Array) {
        await write(chunk)
        written(chunk)
      },
    })
  }
  return { ...options, create }
}

test('blobs of all sizes around a chunk arrive as they were', async (context) => {
  const [asker, server] = await sites(context, 2)
  const client = clientOf(asker)
  for (const size of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 20 * CHUNK_BYTES + 7]) {
    const bytes = new Uint8Array(randomBytes(size))
    const id = await server.store.put(bytes)
    await client.fetch(id, fetchOptions(asker, id))
    assert.equal(asker.store.byteLength(id), size)
    assert.equal(toHex(blobId(await asker.store.read(id))), id, `${size} bytes`)
  }
})

test('many blobs at once stay within the streams that are allowed', async (context) => {
  const [asker, server] = await sites(context, 2)
  const client = clientOf(asker)
  const ids = await Promise.all(Array.from({ length: 40 }, (_, i) => server.store.put(new Uint8Array(5000).fill(i))))
  await Promise.all(ids.map((id) => client.fetch(id, fetchOptions(asker, id))))
  assert.ok(ids.every((id) => asker.store.has(id)))
})

test('a blob that nobody has yet is asked for again until it is there', async (context) => {
  const [asker, server] = await sites(context, 2)
  const bytes = new Uint8Array(randomBytes(1000))
  const asked = Promise.withResolvers<void>()
  const served: string[] = []
  const watching = blobServer({
    source: server.store,
    clock: systemClock,
    admits: () => true,
    onAsked: () => asked.resolve(),
    onServed: (name, peer) => served.push(`${name} to ${peer}`),
  })
  await server.node.libp2p.handle(BLOB_PROTOCOL, watching.handle, { force: true })
  const name = toHex(blobId(bytes))
  const fetched = clientOf(asker).fetch(name, fetchOptions(asker, name))
  await asked.promise
  assert.deepEqual(served, [], 'asking is not getting')
  const id = await server.store.put(bytes)
  await fetched
  assert.ok(asker.store.has(id))
  assert.deepEqual(served, [`${id} to ${asker.node.peerId}`])
})

test('a neighbour that is fetching a blob itself is asked once, and passes it on when it has come', async (context) => {
  const [asker, middle, author] = await sites(context, 3)
  const bytes = new Uint8Array(randomBytes(1000))
  const id = toHex(blobId(bytes))
  const fetching = clientOf(middle, { neighbours: () => [author.node.peerId] })
  const asked: string[] = []
  const isAsked = Promise.withResolvers<void>()
  const { handle } = blobServer({
    source: middle.store,
    clock: { ...systemClock, pause: () => NEVER },
    admits: () => true,
    coming: (name) => fetching.coming(name),
    onAsked: (name) => {
      asked.push(name)
      isAsked.resolve()
    },
  })
  await middle.node.handle(BLOB_PROTOCOL, handle, MAX_STREAMS_PER_PEER)
  await connect(middle.node, author.node)
  const first = fetching.fetch(id, fetchOptions(middle, id))
  const second = clientOf(asker, { neighbours: () => [middle.node.peerId] }).fetch(id, fetchOptions(asker, id))
  await isAsked.promise
  await author.store.put(bytes)
  fetching.welcome(author.node.peerId)
  await Promise.all([first, second])
  assert.deepEqual(asked, [id])
  assert.equal(fetching.coming(id), null)
})

test('a server that fetches a blob in vain says "not yet" after a while', async (context) => {
  const [asker, server] = await sites(context, 2)
  const answers = Promise.withResolvers<number>()
  const clock: Clock = { ...systemClock, pause: async (ms) => answers.resolve(ms) }
  const coming = () => NEVER
  const { handle } = blobServer({ source: server.store, clock, admits: () => true, coming })
  await server.node.handle(BLOB_PROTOCOL, handle, MAX_STREAMS_PER_PEER)
  const stop = new AbortController()
  const pause = async () => stop.abort(new Error('it has said "not yet"'))
  const client = clientOf(asker, { clock: { ...systemClock, pause } })
  const id = 'ab'.repeat(32)
  await assert.rejects(client.fetch(id, { ...fetchOptions(asker, id), signal: stop.signal }), /not yet/)
  assert.equal(await answers.promise, HOLD_MS)
})

test('the likely are asked in every turn, and never more than a few, until all have been asked', async (context) => {
  const [asker, ...servers] = await sites(context, 5)
  const names = servers.map(({ node }) => node.peerId)
  const turns: string[][] = [[]]
  const stop = new AbortController()
  for (const { node } of servers) {
    const source = { chunks: async () => null, read: async () => new Uint8Array() }
    const onAsked = () => void turns.at(-1)?.push(node.peerId)
    const { handle } = blobServer({ source, clock: systemClock, admits: () => true, onAsked })
    await node.handle(BLOB_PROTOCOL, handle, MAX_STREAMS_PER_PEER)
  }
  const pause = async () => {
    if (turns.push([]) > 3) stop.abort(new Error('enough'))
  }
  const client = clientOf(asker, { clock: { ...systemClock, pause } })
  const id = 'ab'.repeat(32)
  const options = { ...fetchOptions(asker, id), signal: stop.signal, likely: ['nobody', names[2]] }
  await assert.rejects(client.fetch(id, options), /enough/)
  const asked = turns.slice(0, 3)
  assert.deepEqual(
    asked.map(([first, ...others]) => [first, others.length]),
    Array(3).fill([names[2], 1]),
  )
  assert.deepEqual(new Set(asked.flat()), new Set(names))
})

test('a corrupt server is named and left for an honest one, and good chunks are kept', async (context) => {
  const [asker, liar, honest] = await sites(context, 3)
  const bytes = new Uint8Array(randomBytes(3 * CHUNK_BYTES))
  const id = await liar.store.put(bytes)
  const read = liar.store.read.bind(liar.store)
  const corrupt: BlobStore['read'] = async (name: string, index?: number) => {
    const chunk = await read(name, index ?? 0)
    if (index === 2) chunk[17] ^= 1
    return chunk
  }
  liar.store.read = corrupt
  const liars: string[] = []
  const chunks: number[] = []
  const client = clientOf(asker, { onLiar: (peer) => void liars.push(peer) })
  const options = watched(asker, id, (chunk) => chunks.push(chunk.byteLength))
  const fetched = client.fetch(id, { ...options, likely: [liar.node.peerId] })
  await honest.store.put(bytes)
  await fetched
  assert.deepEqual(liars, [liar.node.peerId])
  assert.equal(chunks.length, 3, 'no chunk is written twice')
})

test('a wrong list convicts the server, not the author', async (context) => {
  const [asker, liar, honest] = await sites(context, 3)
  const bytes = new Uint8Array(randomBytes(100))
  const id = await honest.store.put(bytes)
  const other = await liar.store.put(new Uint8Array(200))
  await answerWith(liar, (frames) => honestHead(frames, liar.store, other))
  const liars: string[] = []
  const client = clientOf(asker, { onLiar: (peer) => void liars.push(peer) })
  await client.fetch(id, { ...fetchOptions(asker, id, 100), likely: [liar.node.peerId] })
  assert.deepEqual(liars, [liar.node.peerId])
})

const hostile: Array<{
  name: string
  answer(frames: FrameStream, stream: Stream, site: Site, id: string): Promise<void>
}> = [
  { name: 'says nothing', answer: async () => {} },
  { name: 'resets', answer: async (_, stream) => stream.abort(new Error('no')) },
  { name: 'sends an unknown status', answer: (frames) => frames.write(Uint8Array.of(9)) },
  {
    name: 'claims a blob of 2^60 bytes',
    answer: (frames) => frames.write(encodeAnswer({ status: 'found', byteLength: 2 ** 60 })),
  },
  {
    name: 'sends a frame that is longer than any',
    answer: async (_, stream) => void stream.send(Uint8Array.of(0xff, 0xff, 0x7f, 0)),
  },
  {
    name: 'sends a length that never ends',
    answer: async (_, stream) => void stream.send(new Uint8Array(16).fill(0xff)),
  },
  {
    name: 'leaves a chunk out',
    answer: async (frames, _, site, id) => {
      await honestHead(frames, site.store, id)
      await frames.close()
    },
  },
  {
    name: 'drips a byte at a time',
    answer: async (frames, _, site, id) => {
      await honestHead(frames, site.store, id)
      for (let i = 0; i < 2000; i++) await frames.write(Uint8Array.of(0))
    },
  },
  {
    name: 'stops in the middle of a frame',
    answer: async (_, stream) => void stream.send(Uint8Array.of(200, 1, 2, 3)),
  },
]

for (const { name, answer } of hostile) {
  test(`a server that ${name} is left for another`, async (context) => {
    const [asker, bad, good] = await sites(context, 3)
    const bytes = new Uint8Array(randomBytes(2 * CHUNK_BYTES))
    const id = await good.store.put(bytes)
    await bad.store.put(bytes)
    await answerWith(bad, (frames, stream) => answer(frames, stream, bad, id))
    const client = clientOf(asker, { clock: IMPATIENT })
    await client.fetch(id, { ...fetchOptions(asker, id), likely: [bad.node.peerId] })
    assert.equal(toHex(blobId(await asker.store.read(id))), id)
  })
}

test('a neighbour that has failed again and again is asked at once when it is here again', async (context) => {
  const [asker, server] = await sites(context, 2)
  const id = await server.store.put(new Uint8Array(1000))
  let turns = 0
  let isBroken = true
  const paused = Promise.withResolvers<void>()
  /** No time passes: whoever cools down does so for good. */
  const pause = (_: number, signal: AbortSignal) => {
    if (++turns > 1) paused.resolve()
    return turns > 1 ? systemClock.pause(20_000, signal) : Promise.resolve()
  }
  const client = clientOf(asker, {
    clock: { ...systemClock, now: () => 0, pause },
    open(peer, signal) {
      if (isBroken) throw new Error('its link is broken')
      return asker.node.open(peer, BLOB_PROTOCOL, signal)
    },
  })
  const fetched = client.fetch(id, fetchOptions(asker, id))
  await paused.promise
  isBroken = false
  client.welcome(server.node.peerId)
  await fetched
})

test('a blob beyond what its author announced is given up', async (context) => {
  const [asker, server] = await sites(context, 2)
  const id = await server.store.put(new Uint8Array(101))
  await assert.rejects(clientOf(asker).fetch(id, fetchOptions(asker, id, 100)), BlobTooLargeError)
  await clientOf(asker).fetch(id, fetchOptions(asker, id, 101))
})

/** Fetches a blob of ten chunks, and stops after the third. Returns its id, and how many have come. */
async function stopped(asker: Site, server: Site): Promise<{ id: string; chunks: number }> {
  const id = await server.store.put(new Uint8Array(randomBytes(10 * CHUNK_BYTES)))
  const stop = new AbortController()
  let chunks = 0
  const options = watched(asker, id, () => {
    if (++chunks === 3) stop.abort(new Error('enough'))
  })
  await assert.rejects(clientOf(asker).fetch(id, { ...options, signal: stop.signal }), /enough/)
  return { id, chunks }
}

/** Opens the asker's store anew, and fetches the blob. Returns the number of chunks that are written, and served. */
async function fetchedAgain({ node, store: { directory } }: Site, server: Site, id: string) {
  const store = await BlobStore.open(directory)
  const counts = { written: 0, served: 0 }
  const { handle } = blobServer({
    source: server.store,
    clock: systemClock,
    admits: () => true,
    onServed: () => counts.served++,
  })
  await server.node.handle(BLOB_PROTOCOL, handle, MAX_STREAMS_PER_PEER)
  const asker = { node, store }
  await clientOf(asker).fetch(
    id,
    watched(asker, id, () => counts.written++),
  )
  assert.deepEqual(await store.read(id), await server.store.read(id))
  assert.deepEqual(await readdir(directory), [id])
  return counts
}

test('chunks that were checked before a fetch stopped are not fetched again', async (context) => {
  const [asker, server] = await sites(context, 2)
  const { id, chunks } = await stopped(asker, server)
  const [written, served] = [10 - chunks, 10 - chunks]
  assert.deepEqual(await fetchedAgain(asker, server, id), { written, served })
  assert.ok(written <= 7)
})

test('a chunk that was damaged since a fetch stopped is fetched again, and those after it', async (context) => {
  const [asker, server] = await sites(context, 2)
  const { id } = await stopped(asker, server)
  const path = join(asker.store.directory, `${id}.part`)
  await writeFile(path, flipped(new Uint8Array(await readFile(path)), 8 * CHUNK_BYTES))
  assert.equal((await fetchedAgain(asker, server, id)).written, 9)
})

test('a store keeps a part of a blob as long as the blob is named', async (context) => {
  const [asker, server] = await sites(context, 2)
  const { id, chunks } = await stopped(asker, server)
  const store = await BlobStore.open(asker.store.directory)
  await store.retain(new Set([id]))
  assert.equal(store.begun(id), chunks)
  await store.retain(new Set())
  assert.deepEqual([store.begun(id), await readdir(store.directory)], [0, []])
})

test('a server resets malformed requests and goes on serving', async (context) => {
  const [asker, server] = await sites(context, 2)
  const id = await server.store.put(new Uint8Array(10))
  const good = encodeRequest({ id: Buffer.from(id, 'hex'), list: true, from: 0, count: 1 })
  const requests = [
    { name: 'short', bytes: good.subarray(1) },
    { name: 'long', bytes: new Uint8Array(42) },
    { name: 'unknown flag', bytes: Uint8Array.of(2, ...good.subarray(1)) },
    { name: 'too many chunks', bytes: encodeRequest({ id: Buffer.from(id, 'hex'), list: true, from: 0, count: 17 }) },
  ]
  for (const { name, bytes } of requests) {
    const [peer] = asker.node.neighbours().keys()
    const stream = await asker.node.open(peer, BLOB_PROTOCOL, AbortSignal.timeout(5000))
    const frames = new FrameStream(stream, { signal: AbortSignal.timeout(5000) })
    await frames.write(bytes)
    await assert.rejects(frames.expect('an answer'), name)
  }
  await clientOf(asker).fetch(id, fetchOptions(asker, id))
})

test('a reader that stops reading holds the server to one window, not to the blob', async (context) => {
  const [asker, server] = await sites(context, 2)
  const id = await server.store.put(new Uint8Array(16 * CHUNK_BYTES))
  let reads = 0
  const read = server.store.read.bind(server.store)
  const counting: BlobStore['read'] = (name: string, index?: number) => {
    reads++
    return read(name, index ?? 0)
  }
  server.store.read = counting
  const [peer] = asker.node.neighbours().keys()
  const stream = await asker.node.open(peer, BLOB_PROTOCOL, AbortSignal.timeout(5000))
  const frames = new FrameStream(stream, { signal: AbortSignal.timeout(10_000) })
  await frames.write(encodeRequest({ id: Buffer.from(id, 'hex'), list: false, from: 0, count: 16 }))
  await frames.read()
  await frames.read()
  assert.ok(reads <= 4, `${reads} chunks were read for a reader that takes none`)
  stream.abort(new Error('enough'))
})

test('a blob over a slow link may take much longer than the patience of its reader, since its bytes keep moving', async (context) => {
  const nodes = await testNodes(context, 2)
  // A machine that is busy may hold a frame up for some hundred ms, of which the link takes 250 ms each.
  const way = openWay(250_000)
  const patienceMs = 1500
  detour(context, nodes[0], nodes[1].peerId, way, way)
  await connect(nodes[0], nodes[1])
  closeRosters(nodes)
  const [asker, server] = await Promise.all(
    nodes.map(async (node) => ({ node, store: await BlobStore.open(await temporaryDirectory(context)) })),
  )
  await serve(server.node, server.store)
  const bytes = new Uint8Array(randomBytes(CHUNK_BYTES))
  const id = await server.store.put(bytes)
  let late = 0
  const clock: Clock = {
    ...systemClock,
    deadline: (ms, parent) => {
      const deadline = systemClock.deadline(Math.min(ms, patienceMs), parent)
      deadline.signal.addEventListener('abort', () => late++)
      return deadline
    },
  }
  const began = systemClock.now()
  await clientOf(asker, { clock }).fetch(id, fetchOptions(asker, id))
  assert.deepEqual(await asker.store.read(id), bytes)
  assert.ok(systemClock.now() - began > 2 * patienceMs, 'it took several times the patience')
  assert.equal(late, 0)
})
