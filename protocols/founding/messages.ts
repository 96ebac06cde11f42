/**
 * The messages of founder and joiner, CBOR one after another. A stream begins with `ask` (answered by
 * `offer`, and done) or with `accept` (answered by `waiting` until all have joined, then `plan`, which the joiner
 * answers by `signature` or `declined`; then `signing` until all have signed, and `signatures`). The founder may say
 * `refused` at any point, or `ended` once the plan was sent, and then ends the stream.
 */
import { z } from 'zod'
import { type Acceptance, decodeAcceptance, MAX_ACCEPTANCE_BYTES } from '../plan/acceptance.ts'
import { MAX_MEMBERS, MAX_OFFER_BYTES } from '../plan/offer.ts'
import { MAX_PLAN_BYTES, MAX_PLAN_SIGNATURE_BYTES } from '../plan/plan.ts'
import { type SiteLabel, siteNameSchema } from '../plan/site-name.ts'
import { boundedBytes, decode, encode, hashSchema, integer, MalformedMessageError } from '../wire/encoding.ts'
import { peerIdSchema } from '../wire/signing.ts'
import { MAX_ADDRESS_CHARS, MAX_ADDRESSES, MAX_FOUNDING_BYTES } from './constants.ts'

/**
 * The reason of a refusal by the founder. `version`: it speaks another one; `offer`: it knows no such offer;
 * `invitation`: the secret is wrong; `acceptance`: it is malformed or its signature is wrong; `member`: this peer id
 * has joined already; `full`: all seats are taken; `failed`: the founding has ended without a federation.
 */
export const REFUSALS = ['version', 'offer', 'invitation', 'acceptance', 'member', 'full', 'failed'] as const
export type FoundingRefusal = (typeof REFUSALS)[number]

/** The reason why a founding ends without a federation: these members declined, left, or have not signed in time. */
const ENDINGS = ['declined', 'gone', 'late', 'groups'] as const
export type FoundingEnding = (typeof ENDINGS)[number]

export type JoinerMessage =
  | { type: 'ask'; version: number; offer: Uint8Array }
  /** Addresses, and whether a person is asked before it signs, travel beside the acceptance: no part of the plan. */
  | { type: 'accept'; acceptance: Uint8Array; addresses: string[]; asks: boolean }
  | { type: 'signature'; signature: Uint8Array }
  /** The member does not sign the plan. */
  | { type: 'declined' }

export type FounderMessage =
  | { type: 'offer'; offer: Uint8Array; sites: SiteLabel[] }
  /** The sites that have joined, the founder first. Nobody vouches for this list before the plan holds the same. */
  | { type: 'waiting'; sites: SiteLabel[]; members: number }
  /** `asks`: a person is asked at some site, so that signatures may take longer. */
  | { type: 'plan'; plan: Uint8Array; addresses: MemberAddresses[]; asks: boolean }
  /** Members that have signed, as indices in the roster, ascending. */
  | { type: 'signing'; signed: number[] }
  | { type: 'signatures'; signatures: Uint8Array[] }
  | { type: 'refused'; reason: FoundingRefusal; version: number }
  /** Members as indices in the roster. */
  | { type: 'ended'; ending: FoundingEnding; members: number[] }

/**
 * Addresses by which a member says it can be reached; empty if it only dials out. They are hints that nobody vouches
 * for.
 */
export interface MemberAddresses {
  peer: Uint8Array
  addresses: string[]
}

const addresses = z.array(z.string().max(MAX_ADDRESS_CHARS)).max(MAX_ADDRESSES)
const signature = boundedBytes(MAX_PLAN_SIGNATURE_BYTES)
const sites = z.array(z.strictObject({ peer: peerIdSchema, site: siteNameSchema })).max(MAX_MEMBERS)
const indices = z
  .array(integer(0, MAX_MEMBERS - 1))
  .max(MAX_MEMBERS)
  .refine((members) => members.every((member, i) => i === 0 || members[i - 1] < member), 'must ascend')

const joinerSchema: z.ZodType<JoinerMessage> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ask'), version: integer(0, 0xffff), offer: hashSchema }),
  z.strictObject({
    type: z.literal('accept'),
    acceptance: boundedBytes(MAX_ACCEPTANCE_BYTES),
    addresses,
    asks: z.boolean(),
  }),
  z.strictObject({ type: z.literal('signature'), signature }),
  z.strictObject({ type: z.literal('declined') }),
])

const founderSchema: z.ZodType<FounderMessage> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('offer'), offer: boundedBytes(MAX_OFFER_BYTES), sites }),
  z.strictObject({ type: z.literal('waiting'), sites, members: integer(0, MAX_MEMBERS) }),
  z.strictObject({
    type: z.literal('plan'),
    plan: boundedBytes(MAX_PLAN_BYTES),
    addresses: z.array(z.strictObject({ peer: peerIdSchema, addresses })).max(MAX_MEMBERS),
    asks: z.boolean(),
  }),
  z.strictObject({ type: z.literal('signing'), signed: indices }),
  z.strictObject({ type: z.literal('signatures'), signatures: z.array(signature).max(MAX_MEMBERS) }),
  z.strictObject({ type: z.literal('refused'), reason: z.enum(REFUSALS), version: integer(0, 0xffff) }),
  z.strictObject({ type: z.literal('ended'), ending: z.enum(ENDINGS), members: indices }),
])

export function encodeFounding(message: JoinerMessage | FounderMessage): Uint8Array {
  return encode(message)
}

/** @throws {MalformedMessageError} */
export function decodeJoiner(bytes: Uint8Array): JoinerMessage {
  return decode({ what: 'message of a joiner', schema: joinerSchema, maxBytes: MAX_FOUNDING_BYTES }, bytes)
}

/** @throws {MalformedMessageError} */
export function decodeFounder(bytes: Uint8Array): FounderMessage {
  return decode({ what: 'message of the founder', schema: founderSchema, maxBytes: MAX_FOUNDING_BYTES }, bytes)
}

/** The acceptance of an `accept`; the reason of its refusal where the bytes are none. */
export function openAcceptance(bytes: Uint8Array): Acceptance | 'acceptance' {
  try {
    return decodeAcceptance(bytes)
  } catch (error) {
    if (error instanceof MalformedMessageError) return 'acceptance'
    throw error
  }
}
