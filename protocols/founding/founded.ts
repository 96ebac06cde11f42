/**
 * The way in that is left once a federation is founded. A member that was stopped between its signature and those of
 * all others pastes the line of its invitation again: every other member answers as the founder did, while it runs.
 */
import { PROTOCOL_VERSION } from '../plan/offer.ts'
import { encodePlanSignature, memberOf } from '../plan/plan.ts'
import { serve } from '../stream/serve.ts'
import type { Clock } from '../stream/time.ts'
import { equalBytes } from '../wire/encoding.ts'
import { ANSWER_TIMEOUT_MS } from './constants.ts'
import { Conversation } from './conversation.ts'
import type { Founded, StreamHandler } from './index.ts'
import { type FounderMessage, type FoundingRefusal, type JoinerMessage, openAcceptance } from './messages.ts'

interface FoundedServerInit extends Omit<Founded, 'addresses'> {
  /** The addresses of all members, as this one knows them now. */
  addresses(): Founded['addresses']
  clock: Clock
}

/** A refusal is answered, and a stream that breaks the protocol is reset. */
export function foundedServer(init: FoundedServerInit): StreamHandler {
  return (stream, { remotePeer }) => {
    const limits = { clock: init.clock, timeoutMs: ANSWER_TIMEOUT_MS, what: `the founding that ${remotePeer} asks for` }
    return serve(stream, limits, async ({ signal }) => {
      using conversation = new Conversation(stream, signal)
      const message = await conversation.fromJoiner()
      if (message === null) return
      const answer = answerTo(message, init)
      if (typeof answer === 'string') await conversation.refuse(answer)
      else for (const each of answer) await conversation.send(each)
      await conversation.end()
      // The joiner sends its signature once more, and ends the stream.
      while ((await conversation.fromJoiner()) !== null) {}
    })
  }
}

function answerTo(message: JoinerMessage, init: FoundedServerInit): FoundingRefusal | FounderMessage[] {
  const { plan } = init
  if (message.type === 'ask') {
    if (message.version !== PROTOCOL_VERSION) return 'version'
    if (!equalBytes(message.offer, plan.offerHash)) return 'offer'
    const sites = plan.members.map(({ peer, site }) => ({ peer, site }))
    return [{ type: 'offer', offer: plan.offerBytes, sites }]
  }
  if (message.type !== 'accept') throw new Error(`a stream that begins with ${message.type}`)
  return refusalOf(message.acceptance, init) ?? planAndSignatures(init)
}

/** The reason why an acceptance is not one of the plan; null: it is the very same. */
function refusalOf(bytes: Uint8Array, { plan }: FoundedServerInit): FoundingRefusal | null {
  const acceptance = openAcceptance(bytes)
  if (acceptance === 'acceptance') return acceptance
  const member = memberOf(plan, acceptance.peer)
  if (member === null) return 'full'
  return equalBytes(plan.acceptances[member.index].signature, acceptance.signature) ? null : 'member'
}

function planAndSignatures({ plan, signatures, addresses }: FoundedServerInit): FounderMessage[] {
  const encoded = signatures.map((signature, member) => encodePlanSignature({ plan: plan.id, member, signature }))
  return [
    { type: 'plan', plan: plan.bytes, addresses: addresses(), asks: false },
    { type: 'signatures', signatures: encoded },
  ]
}
