/**
 * The greeting: the first thing that two connected members say to each other, namely which federation, which model,
 * which version, how far. The greeter opens a stream and speaks first; the other answers with its own greeting or with
 * a refusal, whose reason a person can act on. One message each way of at most MAX_HELLO_BYTES, within
 * HELLO_TIMEOUT_MS.
 *
 * @example await node.handle(HELLO_PROTOCOL, helloServer({ own, isMember, clock, onGreeting }), MAX_HELLO_STREAMS)
 * const answer = await sayHello({ open, own, clock, signal })
 */
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { PROTOCOL_VERSION } from '../plan/offer.ts'
import { FrameStream } from '../stream/frames.ts'
import { ask, serve } from '../stream/serve.ts'
import type { Clock } from '../stream/time.ts'
import { equalBytes } from '../wire/encoding.ts'
import { HELLO_TIMEOUT_MS, MAX_HELLO_BYTES } from './constants.ts'
import {
  decodeGreeting,
  decodeHelloAnswer,
  encodeHello,
  type Greeting,
  type HelloAnswer,
  type HelloRefusal,
} from './messages.ts'

interface HelloComponents {
  /** Null before there is a plan. */
  own(): Greeting | null
  isMember(peer: PeerId): boolean
  clock: Clock
  /** A member of the same federation has greeted. */
  onGreeting?(peer: PeerId, greeting: Greeting): void
}

export function helloServer(components: HelloComponents): (stream: Stream, connection: Connection) => Promise<void> {
  const { clock, onGreeting } = components
  return (stream, { remotePeer }) => {
    const what = `greeting of ${remotePeer}`
    return serve(stream, { clock, timeoutMs: HELLO_TIMEOUT_MS, what }, async ({ signal }) => {
      using frames = new FrameStream(stream, { maxFrameBytes: MAX_HELLO_BYTES, signal })
      const greeting = decodeGreeting(await frames.expect('a greeting'))
      await frames.closeRead()
      const answer = answerTo(greeting, remotePeer, components)
      await frames.write(encodeHello(answer))
      await frames.close()
      if (answer.type === 'hello') onGreeting?.(remotePeer, greeting)
    })
  }
}

function answerTo(greeting: Greeting, peer: PeerId, { own, isMember }: HelloComponents): HelloAnswer {
  const mine = own()
  if (greeting.version !== PROTOCOL_VERSION) return { type: 'refused', reason: 'version' }
  if (mine === null) return { type: 'refused', reason: 'not-ready' }
  if (!isMember(peer)) return { type: 'refused', reason: 'member' }
  const reason = difference(mine, greeting)
  return reason === null ? { type: 'hello', greeting: mine } : { type: 'refused', reason }
}

/** The reason why two greetings do not belong together; null: they do. */
function difference(mine: Greeting, theirs: Greeting): HelloRefusal | null {
  if (theirs.version !== mine.version) return 'version'
  if (!equalBytes(theirs.model, mine.model)) return 'model'
  return equalBytes(theirs.plan, mine.plan) ? null : 'plan'
}

interface SayHelloInit {
  open(signal: AbortSignal): Promise<Stream>
  own: Greeting
  clock: Clock
  signal: AbortSignal
}

/** Greets a neighbour. An answer of another federation is returned as a refusal. */
export function sayHello({ open, own, clock, signal }: SayHelloInit): Promise<HelloAnswer> {
  return ask(open, { clock, timeoutMs: HELLO_TIMEOUT_MS, signal }, async (stream, deadline) => {
    using frames = new FrameStream(stream, { maxFrameBytes: MAX_HELLO_BYTES, signal: deadline.signal })
    await frames.write(encodeHello(own))
    await frames.close()
    const answer = decodeHelloAnswer(await frames.expect('an answer'))
    if (answer.type === 'refused') return answer
    const reason = difference(own, answer.greeting)
    return reason === null ? answer : { type: 'refused', reason }
  })
}

export { HELLO_PROTOCOL, HELLO_RETRY_MS, MAX_HELLO_STREAMS } from './constants.ts'
export type { Greeting, HelloAnswer, HelloRefusal } from './messages.ts'
