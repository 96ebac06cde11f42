/**
 * The joiner's side of founding. It opens a stream to the founder, or to a neighbour that passes it on, and speaks
 * first: once to fetch the offer, answered within ANSWER_TIMEOUT_MS, and once to join, which lasts until all have
 * signed. If nothing comes for WAITING_TIMEOUT_MS, the founder counts as lost. All that this member signs is checked
 * here.
 */
import type { Stream } from '@libp2p/interface'
import { CoppiceError } from '../../src/base/errors.ts'
import type { Acceptance } from '../plan/acceptance.ts'
import { encodeAcceptance } from '../plan/acceptance.ts'
import { decodeOffer, hashOf, offerVersion, PROTOCOL_VERSION, type SealedOffer } from '../plan/offer.ts'
import {
  decodePlan,
  decodePlanSignature,
  encodePlanSignature,
  InvalidPlanError,
  memberOf,
  type Plan,
  planSignatureFault,
} from '../plan/plan.ts'
import { type SiteLabel, siteInWords } from '../plan/site-name.ts'
import { ask } from '../stream/serve.ts'
import type { Deadline } from '../stream/time.ts'
import { equalBytes, MalformedMessageError } from '../wire/encoding.ts'
import { ANSWER_TIMEOUT_MS, MEMBER_PATIENCE_MS, signingTimeoutMs, WAITING_TIMEOUT_MS } from './constants.ts'
import { Conversation } from './conversation.ts'
import * as refusals from './errors.ts'
import type { Founded, FoundingComponents, FoundingWatcher, PlanSigner } from './index.ts'
import type { FounderMessage, MemberAddresses } from './messages.ts'

export interface FetchedOffer {
  offer: SealedOffer
  /** The sites that have joined so far, the founder first, according to the founder. */
  sites: SiteLabel[]
}

/**
 * Fetches the offer with this hash.
 * @throws {RefusedError} the founder does not know it, speaks another version, or what came is another offer
 * @throws {NetworkError} the stream broke
 */
export async function fetchOffer(hash: Uint8Array, components: FoundingComponents): Promise<FetchedOffer> {
  return await converse(components, ANSWER_TIMEOUT_MS, async ({ conversation }) => {
    await conversation.send({ type: 'ask', version: PROTOCOL_VERSION, offer: hash })
    const answer = await conversation.fromFounder()
    if (answer.type !== 'offer') throw unexpected(answer)
    return { offer: openOffer(answer.offer, hash), sites: answer.sites }
  })
}

function openOffer(bytes: Uint8Array, hash: Uint8Array): SealedOffer {
  const found = hashOf(bytes)
  if (!equalBytes(found, hash)) throw refusals.editedOffer(hash, found)
  const version = offerVersion(bytes)
  if (version !== PROTOCOL_VERSION) throw refusals.wrongOfferVersion(version)
  return decodeOffer(bytes)
}

interface JoinInit extends FoundingWatcher {
  offer: SealedOffer
  secret: Uint8Array
  acceptance: Acceptance
  /** The addresses of this peer; empty if it only dials out. */
  addresses: string[]
  /** Whether a person is asked before this member signs. */
  asks: boolean
  sign: PlanSigner
}

/**
 * Sends the acceptance and stays until all members have signed the plan.
 * @throws {RefusedError} by the founder; the plan is not what was offered; this member or another says no
 * @throws {NoAgreementError} the signatures did not come together
 * @throws {NetworkError} the stream broke
 */
export async function joinFounding(init: JoinInit, components: FoundingComponents): Promise<Founded> {
  return await converse(components, WAITING_TIMEOUT_MS, async ({ conversation, stream, silence }) => {
    const hear = async () => {
      const message = await conversation.fromFounder()
      silence.restart()
      return message
    }
    const acceptance = encodeAcceptance(init.acceptance)
    await conversation.send({ type: 'accept', acceptance, addresses: init.addresses, asks: init.asks })
    const { plan, addresses, asks } = await awaitPlan(hear, init)
    const deadlineMs = signingTimeoutMs(asks) + MEMBER_PATIENCE_MS
    using deadline = components.clock.deadline(deadlineMs)
    const onLate = () => stream.abort(refusals.foundingEnded('late', [], init.offer.offer))
    deadline.signal.addEventListener('abort', onLate)
    const signatures = await agree(conversation, plan, init, awaitSignatures(hear, plan, init))
    return { plan, signatures, addresses }
  })
}

type Hear = () => Promise<FounderMessage>

interface OpenedPlan {
  plan: Plan
  addresses: MemberAddresses[]
  asks: boolean
}

async function awaitPlan(hear: Hear, init: JoinInit): Promise<OpenedPlan> {
  for (;;) {
    const message = await hear()
    if (message.type === 'plan') return { ...message, plan: openPlan(message.plan, init) }
    if (message.type === 'ended') throw refusals.foundingEnded(message.ending, [], init.offer.offer)
    if (message.type !== 'waiting') throw unexpected(message)
    init.onWaiting?.(message.sites, message.members)
  }
}

/**
 * Signs or declines while it listens, since a founding may end before this member has answered.
 * @param heard - the signatures of all, once they are here
 */
async function agree(
  conversation: Conversation,
  plan: Plan,
  init: JoinInit,
  heard: Promise<Uint8Array[]>,
): Promise<Uint8Array[]> {
  const over = new AbortController()
  heard.catch((error) => over.abort(error))
  let declined = false
  const answer = async () => {
    const signature = await init.sign(plan, over.signal)
    declined = signature === null
    const message = signature && encodePlanSignature(signature)
    await conversation.send(message === null ? { type: 'declined' } : { type: 'signature', signature: message })
    return heard // if a site declines, the founder ends the stream
  }
  try {
    return await Promise.race([answer(), heard])
  } catch (error) {
    throw declined ? refusals.declinedHere(true) : error
  }
}

/** Checks everything that this member is about to sign. */
function openPlan(bytes: Uint8Array, init: JoinInit): Plan {
  let plan: Plan
  try {
    plan = decodePlan(bytes, init.secret)
  } catch (error) {
    if (error instanceof InvalidPlanError || error instanceof MalformedMessageError) {
      throw refusals.badPlan(error.message, error)
    }
    throw error
  }
  if (!equalBytes(plan.offerHash, init.offer.hash)) throw refusals.badPlan('it rests on another offer')
  const own = memberOf(plan, init.acceptance.peer)
  if (own === null) throw refusals.badPlan('this peer is not a member of it')
  if (!equalBytes(plan.acceptances[own.index].signature, init.acceptance.signature)) {
    throw refusals.badPlan('it holds another acceptance of this peer')
  }
  return plan
}

async function awaitSignatures(hear: Hear, plan: Plan, init: JoinInit): Promise<Uint8Array[]> {
  for (;;) {
    const message = await hear()
    switch (message.type) {
      case 'signatures':
        return checkSignatures(plan, message.signatures)
      case 'signing':
        init.onSigning?.(plan, message.signed)
        break
      case 'ended':
        throw refusals.foundingEnded(message.ending, namesOf(plan, message.members), plan.offer)
      case 'waiting':
        break
      default:
        throw unexpected(message)
    }
  }
}

/** Members that there are. */
function namesOf(plan: Plan, members: readonly number[]): SiteLabel[] {
  return plan.members.filter(({ index }) => members.includes(index))
}

function checkSignatures(plan: Plan, encoded: Uint8Array[]): Uint8Array[] {
  const signatures = encoded.map(decodePlanSignature)
  if (signatures.length !== plan.members.length) throw refusals.badPlan('signatures are missing')
  return signatures.map((signature, index) => {
    if (signature.member !== index || planSignatureFault(plan, signature) !== null) {
      throw refusals.badPlan(`the signature of ${siteInWords(plan.members[index])} is wrong`)
    }
    return signature.signature
  })
}

function unexpected(message: FounderMessage): Error {
  return message.type === 'refused'
    ? refusals.refusedBy(message.reason, message.version)
    : new Error(`${message.type} out of turn`)
}

interface Talk {
  conversation: Conversation
  stream: Stream
  /** Ends the conversation after the timeout. */
  silence: Deadline
}

async function converse<T>(
  { open, clock, signal }: FoundingComponents,
  timeoutMs: number,
  talk: (talk: Talk) => Promise<T>,
): Promise<T> {
  try {
    return await ask(open, { clock, timeoutMs, signal }, async (stream, silence) => {
      using conversation = new Conversation(stream, silence.signal)
      const result = await talk({ conversation, stream, silence })
      await conversation.end()
      return result
    })
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CoppiceError) throw error
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') throw refusals.otherFounding(error)
    throw refusals.founderGone(error)
  }
}
