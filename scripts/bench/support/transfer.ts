/**
 * One transfer between two nodes of this process, over TCP, Noise and yamux: `transfer.ts KIND MEBIBYTES`. Prints its
 * seconds, those of the processor, and the peak of resident memory as JSON. KIND is `blob`, by the protocol, each chunk
 * checked; or `raw`, the same number of bytes on a bare libp2p stream, written as fast as it drains, and counted.
 */
import { once } from 'node:events'
import { multiaddr } from '@multiformats/multiaddr'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import { type PeerNode, startNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { BLOB_PROTOCOL, blobClient, blobServer, MAX_STREAMS_PER_PEER } from '../../../protocols/blob/index.ts'
import { MAX_FRAME_BYTES } from '../../../protocols/stream/constants.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { BlobHasher, CHUNK_BYTES } from '../../../protocols/wire/hash.ts'

const RAW_PROTOCOL = '/coppice/bench/1'
const MIB = 2 ** 20

const [kind, mebibytes] = process.argv.slice(2)
const bytes = Number(mebibytes) * MIB
const nodes = await Promise.all([0, 1].map(nodeOf))
const [asker, server] = nodes
for (const node of nodes) node.closeRoster(nodes.map(({ peerId }) => peerId))
await asker.dial(multiaddr(server.listenAddresses()[0]), AbortSignal.timeout(10_000))
const transfer = kind === 'blob' ? await blob() : await raw()
const start = performance.now()
const before = process.cpuUsage()
await transfer()
const { user, system } = process.cpuUsage(before)
const seconds = (performance.now() - start) / 1000
const peakBytes = process.resourceUsage().maxRSS * 1024
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, peakBytes }))
for (const node of nodes) await node.stop()

async function nodeOf(index: number): Promise<PeerNode> {
  const privateKey = await identityFromSeed('streams', index)
  return startNode({ privateKey, members: 2, listen: '/ip4/127.0.0.1/tcp/0' })
}

async function blob(): Promise<() => Promise<void>> {
  const chunk = new Uint8Array(CHUNK_BYTES).map((_, i) => i * 31)
  const hasher = new BlobHasher()
  for (let at = 0; at < bytes; at += CHUNK_BYTES) hasher.update(chunk)
  const { id, ...list } = hasher.finish()
  const source = { chunks: async () => list, read: async () => chunk.slice() }
  const { handle } = blobServer({ source, clock: systemClock, admits: () => true })
  await server.handle(BLOB_PROTOCOL, handle, MAX_STREAMS_PER_PEER)
  const client = blobClient({
    neighbours: () => asker.neighbours().keys(),
    open: (peer, signal) => asker.open(peer, BLOB_PROTOCOL, signal),
    clock: systemClock,
    random: () => 0,
  })
  const nothing = async () => {}
  const create = async () => ({ held: 0, write: nothing, commit: nothing, leave: nothing })
  return () => client.fetch(toHex(id), { maxBytes: bytes, create, signal: AbortSignal.timeout(60_000) })
}

async function raw(): Promise<() => Promise<void>> {
  const frame = new Uint8Array(MAX_FRAME_BYTES)
  await server.handle(
    RAW_PROTOCOL,
    async (stream) => {
      for (let at = 0; at < bytes; at += frame.byteLength) {
        if (!stream.send(frame.subarray(0, Math.min(frame.byteLength, bytes - at)))) await once(stream, 'drain')
      }
      await stream.close()
    },
    1,
  )
  return async () => {
    const stream = await asker.open(server.peerId, RAW_PROTOCOL, AbortSignal.timeout(60_000))
    let come = 0
    stream.addEventListener('message', ({ data }) => {
      come += data.byteLength
    })
    stream.send(new Uint8Array(1)) // a stream that says nothing is not opened
    await once(stream, 'end')
    if (come !== bytes) throw new Error(`${come} of ${bytes} bytes came`)
  }
}
