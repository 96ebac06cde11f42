import { CoppiceError } from '../../src/errors.ts'
import type { Acceptance } from '../acceptance.ts'
import { encodeAcceptance } from '../acceptance.ts'
import { equalBytes, MalformedMessageError } from '../encoding.ts'
import { decodeOffer, hashOf, offerVersion, PROTOCOL_VERSION, type SealedOffer } from '../offer.ts'
import {
  decodePlan,
  decodePlanSignature,
  encodePlanSignature,
  InvalidPlanError,
  memberOf,
  type Plan,
  planSignatureFault,
} from '../plan.ts'
import { composed } from '../stream/composed.ts'
import type { Deadline } from '../stream/time.ts'
import { ANSWER_TIMEOUT_MS, MEMBER_SIGNING_TIMEOUT_MS, WAITING_TIMEOUT_MS } from './constants.ts'
import { Conversation } from './conversation.ts'
import * as refusals from './errors.ts'
import type { Founded, FoundingComponents, PlanSigner } from './index.ts'
import type { FounderMessage, MemberAddresses } from './messages.ts'

/**
 * Fetches the offer with this hash.
 * @throws {RefusedError} the founder does not know it, speaks another version, or what came is another offer
 * @throws {NetworkError} the stream broke
 */
export async function fetchOffer(hash: Uint8Array, components: FoundingComponents): Promise<SealedOffer> {
  using deadline = components.clock.deadline(ANSWER_TIMEOUT_MS, components.signal)
  return await converse(components, deadline.signal, async (conversation) => {
    await conversation.send({ type: 'ask', version: PROTOCOL_VERSION, offer: hash })
    const answer = await conversation.fromFounder()
    if (answer.type !== 'offer') throw unexpected(answer)
    return openOffer(answer.offer, hash)
  })
}

function openOffer(bytes: Uint8Array, hash: Uint8Array): SealedOffer {
  const found = hashOf(bytes)
  if (!equalBytes(found, hash)) throw refusals.editedOffer(hash, found)
  const version = offerVersion(bytes)
  if (version !== PROTOCOL_VERSION) throw refusals.wrongOfferVersion(version)
  return decodeOffer(bytes)
}

export interface JoinInit {
  offer: SealedOffer
  secret: Uint8Array
  acceptance: Acceptance
  /** Where this peer can be reached; empty where it only dials out. */
  addresses: string[]
  sign: PlanSigner
  onWaiting?(joined: number, members: number): void
}

/**
 * Sends the acceptance and stays until all members have signed the plan.
 * @throws {RefusedError} by the founder, or the plan is not what was offered
 * @throws {NoAgreementError} the signatures did not come together
 * @throws {NetworkError} the stream broke
 */
export async function joinFounding(init: JoinInit, components: FoundingComponents): Promise<Founded> {
  using waiting = components.clock.deadline(WAITING_TIMEOUT_MS)
  using signal = composed(waiting.signal, components.signal)
  return await converse(components, signal.signal, async (conversation) => {
    const acceptance = encodeAcceptance(init.acceptance)
    await conversation.send({ type: 'accept', acceptance, addresses: init.addresses })
    const { plan, addresses } = await awaitPlan(conversation, init, waiting)
    waiting.clear()
    const signature = encodePlanSignature(await init.sign(plan))
    await conversation.send({ type: 'signature', signature })
    const signatures = await awaitSignatures(conversation, plan, components)
    return { plan, signatures, addresses }
  })
}

async function awaitPlan(
  conversation: Conversation,
  init: JoinInit,
  waiting: Deadline,
): Promise<{ plan: Plan; addresses: MemberAddresses[] }> {
  for (;;) {
    const message = await conversation.fromFounder()
    waiting.restart()
    if (message.type === 'plan') return { plan: openPlan(message.plan, init), addresses: message.addresses }
    if (message.type !== 'waiting') throw unexpected(message)
    init.onWaiting?.(message.joined, message.members)
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

async function awaitSignatures(
  conversation: Conversation,
  plan: Plan,
  { clock }: FoundingComponents,
): Promise<Uint8Array[]> {
  using deadline = clock.deadline(MEMBER_SIGNING_TIMEOUT_MS)
  const onLate = () => conversation.abort(refusals.signaturesMissing())
  deadline.signal.addEventListener('abort', onLate)
  for (;;) {
    const message = await conversation.fromFounder()
    // The plan may come twice where our stream was taken up again.
    if (message.type === 'waiting' || message.type === 'plan') continue
    if (message.type !== 'signatures') throw unexpected(message)
    return checkSignatures(plan, message.signatures)
  }
}

function checkSignatures(plan: Plan, encoded: Uint8Array[]): Uint8Array[] {
  const signatures = encoded.map(decodePlanSignature)
  if (signatures.length !== plan.members.length) throw refusals.badPlan('signatures are missing')
  return signatures.map((signature, index) => {
    if (signature.member !== index || planSignatureFault(plan, signature) !== null) {
      throw refusals.badPlan(`the signature of ${plan.members[index].site} is wrong`)
    }
    return signature.signature
  })
}

function unexpected(message: FounderMessage): Error {
  return message.type === 'refused'
    ? refusals.refusedBy(message.reason, message.version)
    : new Error(`${message.type} out of turn`)
}

async function converse<T>(
  { open, signal: stop }: FoundingComponents,
  signal: AbortSignal,
  talk: (conversation: Conversation) => Promise<T>,
): Promise<T> {
  let conversation: Conversation | null = null
  try {
    conversation = new Conversation(await open(signal), signal)
    const result = await talk(conversation)
    await conversation.end()
    return result
  } catch (error) {
    conversation?.abort(error)
    stop.throwIfAborted()
    if (error instanceof CoppiceError) throw error
    throw refusals.founderGone(error)
  }
}
