/**
 * A member's acceptance of an offer: its identity, its capacity, and proof that it was invited and that it holds its
 * key. Its network addresses are sent beside the acceptance and are not part of it.
 */
import { z } from 'zod'
import { decode, encode, fixedBytes, HASH_BYTES, hashSchema, integer, signatureSchema } from '../wire/encoding.ts'
import { equalMacs, mac, peerIdSchema, type Signer, signedBytes, u32, verifierOf } from '../wire/signing.ts'
import { printableSchema } from './offer.ts'
import { MAX_SITE_NAME, siteNameFault } from './site-name.ts'

/** Eight times the length of the longest acceptance. */
export const MAX_ACCEPTANCE_BYTES = 2 * 1024
/**
 * The length of the random secret, which only the invitation holds: whoever has it may join. 128 bits cannot be
 * guessed.
 */
export const SECRET_BYTES = 16

export interface Acceptance {
  /** Hash of the offer that is accepted. */
  offer: Uint8Array
  /** The member's peer id as multihash bytes. */
  peer: Uint8Array
  /** The name that the member gives itself, for people. */
  site: string
  /** The share of the blocks that the member prunes in a round, in ppm. */
  capacity: number
  /** HMAC-SHA256 under the invitation's secret. */
  mac: Uint8Array
  /** The peer's signature over all fields above. */
  signature: Uint8Array
}

export const acceptanceSchema: z.ZodType<Acceptance> = z.strictObject({
  offer: hashSchema,
  peer: peerIdSchema,
  site: printableSchema(MAX_SITE_NAME),
  capacity: integer(1, 1_000_000),
  mac: fixedBytes(HASH_BYTES),
  signature: signatureSchema,
})

/**
 * The reason why an acceptance does not count. `offer`: it accepts another offer. `invitation`: its secret is wrong.
 * `signature`: the signature is not its peer's. `name`: no site may have this name.
 */
export type AcceptanceFault = 'offer' | 'invitation' | 'signature' | 'name'

/**
 * Makes and signs an acceptance.
 * @throws {MalformedMessageError} a capacity out of range, or a text that is not printable: our own mistake
 */
export function makeAcceptance(
  signer: Signer,
  fields: { offer: Uint8Array; secret: Uint8Array; site: string; capacity: number },
): Acceptance {
  const open = { offer: fields.offer, peer: signer.peerId, site: fields.site, capacity: fields.capacity }
  const authenticated = { ...open, mac: mac(fields.secret, macBytes(open)) }
  const acceptance = { ...authenticated, signature: signer.sign(acceptanceBytes(authenticated)) }
  return decodeAcceptance(encodeAcceptance(acceptance))
}

export function encodeAcceptance(acceptance: Acceptance): Uint8Array {
  return encode(acceptance)
}

/** @throws {MalformedMessageError} the bytes are not an acceptance */
export function decodeAcceptance(bytes: Uint8Array): Acceptance {
  return decode({ what: 'acceptance', schema: acceptanceSchema, maxBytes: MAX_ACCEPTANCE_BYTES }, bytes)
}

/**
 * The fault of an acceptance; null if it is good.
 * @param offer - hash of the offer that it must accept
 * @param secret - null if it is not known, as when a plan is verified offline. Then neither the MAC nor the name is
 * checked: plans that were signed before names had rules still hold.
 */
export function acceptanceFault(
  acceptance: Acceptance,
  offer: Uint8Array,
  secret: Uint8Array | null,
): AcceptanceFault | null {
  if (!equalMacs(acceptance.offer, offer)) return 'offer'
  if (secret !== null && !equalMacs(acceptance.mac, mac(secret, macBytes(acceptance)))) return 'invitation'
  if (secret !== null && siteNameFault(acceptance.site) !== null) return 'name'
  const signed = acceptanceBytes(acceptance)
  return verifierOf(acceptance.peer).verify(signed, acceptance.signature) ? null : 'signature'
}

type Open = Pick<Acceptance, 'offer' | 'peer' | 'site' | 'capacity'>

function fieldsOf({ offer, peer, site, capacity }: Open): Uint8Array[] {
  const name = new TextEncoder().encode(site)
  return [offer, peer, u32(capacity), u32(name.byteLength), name]
}

function macBytes(open: Open): Uint8Array {
  return signedBytes('invitation', ...fieldsOf(open))
}

function acceptanceBytes(acceptance: Open & { mac: Uint8Array }): Uint8Array {
  return signedBytes('acceptance', ...fieldsOf(acceptance), acceptance.mac)
}
