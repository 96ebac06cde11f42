/**
 * The plan: an offer and the acceptances of all its members. Its hash is the federation's id. A member's place in the
 * plan is the member's index in every message and manifest.
 */
import { z } from 'zod'
import { areGroupsFull, sitesOfGroup, smallestGroup } from '../../src/merge/pooled/groups.ts'
import {
  boundedBytes,
  compareBytes,
  decode,
  encode,
  equalBytes,
  hashSchema,
  integer,
  signatureSchema,
} from '../wire/encoding.ts'
import { type Signer, signedBytes, type Verifier, verifierOf } from '../wire/signing.ts'
import { type Acceptance, type AcceptanceFault, acceptanceFault, acceptanceSchema } from './acceptance.ts'
import { decodeOffer, faultsOf, hashOf, MAX_MEMBERS, MAX_OFFER_BYTES, type Offer, type SealedOffer } from './offer.ts'

/** Enough for an offer and 64 acceptances of at most 400 bytes. */
export const MAX_PLAN_BYTES = 64 * 1024
/** Enough for a plan and 64 signatures of about 130 bytes with their keys. */
export const MAX_SIGNED_PLAN_BYTES = MAX_PLAN_BYTES + 16 * 1024
export const MAX_PLAN_SIGNATURE_BYTES = 256

/** The contents of a plan's bytes. The offer is kept as the bytes that were hashed. */
interface PlanBody {
  offer: Uint8Array
  acceptances: Acceptance[]
}

const planSchema: z.ZodType<PlanBody> = z.strictObject({
  offer: boundedBytes(MAX_OFFER_BYTES),
  acceptances: z.array(acceptanceSchema).max(MAX_MEMBERS),
})

export interface Member {
  /** The member's place in the roster. */
  index: number
  peer: Uint8Array
  site: string
  /** The share of the blocks that the member prunes in a round, in ppm. */
  capacity: number
  verifier: Verifier
}

export interface Plan {
  /** SHA-256 of the bytes: the federation's id. */
  id: Uint8Array
  bytes: Uint8Array
  offer: Offer
  offerBytes: Uint8Array
  offerHash: Uint8Array
  /** Sorted by peer id bytes, ascending. */
  acceptances: Acceptance[]
  /** The roster, in the same order. */
  members: Member[]
}

/** The reason why a plan is refused. The founder, or whoever wrote the file, is at fault. */
export type PlanFault = AcceptanceFault | 'members' | 'order' | 'founder'

/** The plan is well-formed, but its offer does not allow it. */
export class InvalidPlanError extends Error {
  static name = 'InvalidPlanError'
  readonly name = 'InvalidPlanError'
  readonly code = 'PLAN_INVALID'
  readonly reason: PlanFault

  constructor(reason: PlanFault, detail: string) {
    super(`plan: ${detail}`)
    this.reason = reason
  }
}

/**
 * Puts the acceptances in order and seals them.
 * @throws {MalformedMessageError} the plan has more members than any may have
 * @throws {InvalidPlanError} the acceptances are not the members that the offer asks for
 */
export function makePlan(offer: SealedOffer, acceptances: readonly Acceptance[], secret: Uint8Array | null): Plan {
  const sorted = [...acceptances].sort((a, b) => compareBytes(a.peer, b.peer))
  return decodePlan(encode({ offer: offer.bytes, acceptances: sorted }), secret)
}

/**
 * Decodes a plan and checks all of it: the offer, every acceptance's MAC and signature, number and order of members,
 * the founder among them.
 * @param secret - the invitation's; null (offline) leaves MACs and names unchecked
 * @throws {MalformedMessageError} the bytes are not a plan
 * @throws {InvalidPlanError} a check fails
 */
export function decodePlan(bytes: Uint8Array, secret: Uint8Array | null): Plan {
  const body = decode({ what: 'plan', schema: planSchema, maxBytes: MAX_PLAN_BYTES }, bytes)
  const { offer, hash } = decodeOffer(body.offer)
  const { acceptances } = body
  if (acceptances.length !== offer.members) {
    throw new InvalidPlanError('members', `${acceptances.length} members, the offer asks for ${offer.members}`)
  }
  acceptances.forEach((acceptance, i) => {
    if (i > 0 && compareBytes(acceptances[i - 1].peer, acceptance.peer) >= 0) {
      throw new InvalidPlanError('order', `member ${i} is not above member ${i - 1} by peer id`)
    }
    const fault = acceptanceFault(acceptance, hash, secret)
    if (fault !== null) throw new InvalidPlanError(fault, `the acceptance of member ${i} has a wrong ${fault}`)
  })
  if (!acceptances.some(({ peer }) => equalBytes(peer, offer.founder))) {
    throw new InvalidPlanError('founder', 'the founder is not among the members')
  }
  const members = acceptances.map(({ peer, site, capacity }, index) => {
    return { index, peer, site, capacity, verifier: verifierOf(peer) }
  })
  return { id: hashOf(bytes), bytes, offer, offerBytes: body.offer, offerHash: hash, acceptances, members }
}

/** Whether every group of a plan that pools has enough sites: see src/merge/pooled/groups.ts. */
export function hasFullGroups(plan: Plan): boolean {
  const { offer } = plan
  if (offer.merge !== 'pooled') return true
  return areGroupsFull(offer, sampledOf(plan), sitesOfGroup(offer.members, faultsOf(offer.members)))
}

/** The fewest sites of any group of a plan that pools. */
export function sitesOfSmallestGroup(plan: Plan): number {
  return smallestGroup(plan.offer, sampledOf(plan))
}

function sampledOf({ offerHash, members }: Plan): Parameters<typeof smallestGroup>[1] {
  return { offerHash, members: members.map(({ peer, capacity }) => ({ peerId: peer, capacityPpm: capacity })) }
}

/** The member with this peer id; null if it is not on the roster. */
export function memberOf(plan: Plan, peer: Uint8Array): Member | null {
  return plan.members.find((member) => equalBytes(member.peer, peer)) ?? null
}

/** A member's signature over a plan's id. A member signs at most one plan for an offer. */
export interface PlanSignature {
  plan: Uint8Array
  /** Index in the roster. */
  member: number
  signature: Uint8Array
}

const planSignatureSchema: z.ZodType<PlanSignature> = z.strictObject({
  plan: hashSchema,
  member: integer(0, MAX_MEMBERS - 1),
  signature: signatureSchema,
})

/** Signs a plan. @throws {RangeError} the signer is not a member */
export function signPlan(signer: Signer, plan: Plan): PlanSignature {
  const member = memberOf(plan, signer.peerId)
  if (member === null) throw new RangeError('the signer is not a member of the plan')
  return { plan: plan.id, member: member.index, signature: signer.sign(signedBytes('plan', plan.id)) }
}

export function encodePlanSignature(signature: PlanSignature): Uint8Array {
  return encode(signature)
}

/** @throws {MalformedMessageError} the bytes are not a plan signature */
export function decodePlanSignature(bytes: Uint8Array): PlanSignature {
  return decode({ what: 'plan signature', schema: planSignatureSchema, maxBytes: MAX_PLAN_SIGNATURE_BYTES }, bytes)
}

/** The fault of a signature; null if it is good. */
export function planSignatureFault(plan: Plan, signature: PlanSignature): 'plan' | 'member' | 'signature' | null {
  if (!equalBytes(signature.plan, plan.id)) return 'plan'
  const member = plan.members[signature.member]
  if (member === undefined) return 'member'
  return member.verifier.verify(signedBytes('plan', plan.id), signature.signature) ? null : 'signature'
}

/** The content of the file `plan.cbor`: a plan and the signature of every member, in the roster's order. */
export interface SignedPlan {
  plan: Plan
  signatures: Uint8Array[]
}

const signedPlanSchema = z.strictObject({
  plan: boundedBytes(MAX_PLAN_BYTES),
  signatures: z.array(signatureSchema).max(MAX_MEMBERS),
})

export function encodeSignedPlan({ plan, signatures }: SignedPlan): Uint8Array {
  return encode({ plan: plan.bytes, signatures })
}

/**
 * Decodes a signed plan. Checks everything but MACs and names, which need the secret.
 * @throws {MalformedMessageError} the bytes are not a signed plan
 * @throws {InvalidPlanError} a check fails
 */
export function decodeSignedPlan(bytes: Uint8Array): SignedPlan {
  const body = decode({ what: 'signed plan', schema: signedPlanSchema, maxBytes: MAX_SIGNED_PLAN_BYTES }, bytes)
  const plan = decodePlan(body.plan, null)
  if (body.signatures.length !== plan.members.length) {
    throw new InvalidPlanError('members', `${body.signatures.length} signatures of ${plan.members.length} members`)
  }
  body.signatures.forEach((signature, member) => {
    const fault = planSignatureFault(plan, { plan: plan.id, member, signature })
    if (fault !== null) throw new InvalidPlanError('signature', `member ${member} has not signed it`)
  })
  return { plan, signatures: body.signatures }
}
