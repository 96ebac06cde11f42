/**
 * What founder and joiner say to each other, one CBOR message after another. A stream begins with `ask` (answered by
 * `offer`, and done) or with `accept` (answered by `waiting` until all have joined, then `plan`, which the joiner
 * answers by `signature`, then `signatures`). The founder may say `refused` at any point, and then ends the stream.
 */
import { z } from 'zod'
import { MAX_ACCEPTANCE_BYTES } from '../acceptance.ts'
import { boundedBytes, decode, encode, hashSchema, integer } from '../encoding.ts'
import { MAX_MEMBERS, MAX_OFFER_BYTES } from '../offer.ts'
import { MAX_PLAN_BYTES, MAX_PLAN_SIGNATURE_BYTES } from '../plan.ts'
import { peerIdSchema } from '../signing.ts'
import { MAX_ADDRESS_CHARS, MAX_ADDRESSES, MAX_FOUNDING_BYTES } from './constants.ts'

/**
 * Why the founder says no. `version`: it speaks another one; `offer`: it knows no such offer; `invitation`: the secret
 * is wrong; `acceptance`: it is malformed or its signature is wrong; `member`: this peer id has joined already; `full`:
 * all seats are taken; `failed`: the signatures did not come together.
 */
export const REFUSALS = ['version', 'offer', 'invitation', 'acceptance', 'member', 'full', 'failed'] as const
export type FoundingRefusal = (typeof REFUSALS)[number]

export type JoinerMessage =
  | { type: 'ask'; version: number; offer: Uint8Array }
  /** Addresses travel beside the acceptance and are no part of the plan. */
  | { type: 'accept'; acceptance: Uint8Array; addresses: string[] }
  | { type: 'signature'; signature: Uint8Array }

export type FounderMessage =
  | { type: 'offer'; offer: Uint8Array }
  | { type: 'waiting'; joined: number; members: number }
  | { type: 'plan'; plan: Uint8Array; addresses: MemberAddresses[] }
  | { type: 'signatures'; signatures: Uint8Array[] }
  | { type: 'refused'; reason: FoundingRefusal; version: number }

/** Where a member says that it can be reached; empty for one that only dials out. Hints: nobody vouches for them. */
export interface MemberAddresses {
  peer: Uint8Array
  addresses: string[]
}

const addresses = z.array(z.string().max(MAX_ADDRESS_CHARS)).max(MAX_ADDRESSES)
const signature = boundedBytes(MAX_PLAN_SIGNATURE_BYTES)

const joinerSchema: z.ZodType<JoinerMessage> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ask'), version: integer(0, 0xffff), offer: hashSchema }),
  z.strictObject({ type: z.literal('accept'), acceptance: boundedBytes(MAX_ACCEPTANCE_BYTES), addresses }),
  z.strictObject({ type: z.literal('signature'), signature }),
])

const founderSchema: z.ZodType<FounderMessage> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('offer'), offer: boundedBytes(MAX_OFFER_BYTES) }),
  z.strictObject({ type: z.literal('waiting'), joined: integer(0, MAX_MEMBERS), members: integer(0, MAX_MEMBERS) }),
  z.strictObject({
    type: z.literal('plan'),
    plan: boundedBytes(MAX_PLAN_BYTES),
    addresses: z.array(z.strictObject({ peer: peerIdSchema, addresses })).max(MAX_MEMBERS),
  }),
  z.strictObject({ type: z.literal('signatures'), signatures: z.array(signature).max(MAX_MEMBERS) }),
  z.strictObject({ type: z.literal('refused'), reason: z.enum(REFUSALS), version: integer(0, 0xffff) }),
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
