import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { MAX_FRAME_BYTES } from '../stream/constants.ts'
import { FrameStream } from '../stream/frames.ts'
import { toHex } from '../wire/encoding.ts'
import { type ChunkList, chunkCount } from '../wire/hash.ts'
import * as limits from './constants.ts'
import type { BlobServerComponents } from './index.ts'
import { type BlobRequest, decodeRequest, encodeAnswer } from './messages.ts'

interface BlobServer {
  handle(stream: Stream, connection: Connection): Promise<void>
}

export function blobServer(components: BlobServerComponents): BlobServer {
  return new Server(components)
}

class Server implements BlobServer {
  private readonly components: BlobServerComponents
  private serving = 0

  constructor(components: BlobServerComponents) {
    this.components = components
  }

  /** One stream, one request. What fails is logged here; the asker sees only a reset. */
  handle = async (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    using deadline = this.components.clock.deadline(limits.SERVE_TIMEOUT_MS)
    const frames = new FrameStream(stream, { maxFrameBytes: limits.REQUEST_BYTES, signal: deadline.signal })
    try {
      if (!this.components.admits(remotePeer)) throw new Error('not a member')
      const request = decodeRequest(await frames.expect('a blob request'))
      await frames.closeRead()
      await this.answer(request, frames, remotePeer, () => deadline.restart())
      await frames.close()
    } catch (error) {
      stream.log.error('blob request of %p failed - %e', remotePeer, error)
      frames.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      frames.release()
    }
  }

  private async answer(request: BlobRequest, frames: FrameStream, peer: PeerId, moved: () => void): Promise<void> {
    const id = toHex(request.id)
    this.components.onAsked?.(id, peer)
    if (this.serving >= limits.MAX_SERVED_STREAMS) return frames.write(encodeAnswer({ status: 'busy' }))
    this.serving++
    try {
      const list = await this.components.source.chunks(id)
      if (list === null) return await frames.write(encodeAnswer({ status: 'not-yet' }))
      await frames.write(encodeAnswer({ status: 'found', byteLength: list.byteLength }))
      if (request.list) await sendPieces(list.hashes, limits.HASHES_PER_FRAME * 32, frames, moved)
      const onServed = () => this.components.onServed?.(id, peer)
      await this.sendChunks(id, list, request, frames, { moved, onServed })
    } finally {
      this.serving--
    }
  }

  private async sendChunks(
    id: string,
    list: ChunkList,
    request: BlobRequest,
    frames: FrameStream,
    { moved, onServed }: { moved(): void; onServed(): void },
  ) {
    const end = Math.min(request.from + request.count, chunkCount(list.byteLength))
    for (let index = request.from; index < end; index++) {
      const chunk = await this.components.source.read(id, index)
      onServed()
      await sendPieces(chunk, MAX_FRAME_BYTES, frames, moved)
    }
  }
}

async function sendPieces(bytes: Uint8Array, size: number, frames: FrameStream, moved: () => void): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += size) {
    await frames.write(bytes.subarray(at, at + size))
    moved()
  }
}
