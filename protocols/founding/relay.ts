/**
 * Passes on the founding of others: a peer that reaches only this one joins through it. The joiner opens a stream to
 * this peer and speaks first, this peer opens one towards the founder within ANSWER_TIMEOUT_MS, and bytes go both ways
 * as they come. This peer need not be trusted, since everything in them is hashed, MACed or signed.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import { composed } from '../stream/composed.ts'
import { Duplex } from '../stream/duplex.ts'
import { asError } from '../stream/errors.ts'
import { serve } from '../stream/serve.ts'
import { ANSWER_TIMEOUT_MS } from './constants.ts'
import type { FoundingComponents, StreamHandler } from './index.ts'

/** @param components - `open` opens a stream of the founding protocol towards the founder */
export function foundingRelay({ open, clock, signal }: FoundingComponents): StreamHandler {
  return (downstream: Stream, { remotePeer }: Connection) => {
    const what = `passing on the founding of ${remotePeer}`
    return serve(downstream, { clock, timeoutMs: ANSWER_TIMEOUT_MS, what }, async (opening) => {
      using opens = composed(opening.signal, signal)
      using below = new Duplex(downstream, signal)
      const upstream = await open(opens.signal)
      opening.clear()
      using above = new Duplex(upstream, signal)
      try {
        await Promise.all([pipe(below, above), pipe(above, below)])
      } catch (error) {
        upstream.abort(asError(error))
        throw error
      }
    })
  }
}
