/**
 * Passes the founding of others on: whoever reaches only this peer joins through it. Frames go both ways as they
 * come; this peer needs not to be trusted, since everything in them is hashed, MACed or signed.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { composed } from '../stream/composed.ts'
import { FrameStream } from '../stream/frames.ts'
import type { Clock } from '../stream/time.ts'
import { ANSWER_TIMEOUT_MS } from './constants.ts'
import type { StreamHandler } from './index.ts'

interface FoundingRelayComponents {
  /** Opens a stream of the founding protocol towards the founder. */
  open(signal: AbortSignal): Promise<Stream>
  clock: Clock
  signal: AbortSignal
}

export function foundingRelay({ open, clock, signal }: FoundingRelayComponents): StreamHandler {
  return async (downstream: Stream, { remotePeer }: Connection) => {
    using stop = composed(signal)
    const below = new FrameStream(downstream, { signal: stop.signal })
    try {
      using deadline = clock.deadline(ANSWER_TIMEOUT_MS, signal)
      const upstream = await open(deadline.signal)
      deadline.clear()
      const above = new FrameStream(upstream, { signal: stop.signal })
      try {
        await Promise.all([pass(below, above), pass(above, below)])
      } catch (error) {
        above.abort(error instanceof Error ? error : new Error(String(error)))
        throw error
      } finally {
        above.release()
      }
    } catch (error) {
      downstream.log.error('passing on the founding of %p failed - %e', remotePeer, error)
      below.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      below.release()
    }
  }
}

/** Until the one side ends; then the other is ended as well. */
async function pass(from: FrameStream, to: FrameStream): Promise<void> {
  for (;;) {
    const frame = await from.read()
    if (frame === null) return to.close()
    await to.write(frame)
  }
}
