/**
 * A member's yes to an offer: who it is, how much it takes on, and proof that it was invited and that it is itself.
 * Its network addresses travel beside it and are no part of it.
 */
import { z } from 'zod'
import { decode, encode, fixedBytes, HASH_BYTES, hashSchema, integer, signatureSchema } from '../wire/encoding.ts'
import { equalMacs, mac, peerIdSchema, type Signer, signedBytes, u32, verifierOf } from '../wire/signing.ts'
import { printable } from './offer.ts'
import { MAX_SITE_NAME, siteNameFault } from './site-name.ts'

/** Eight times what the longest acceptance has. */
export const MAX_ACCEPTANCE_BYTES = 2 * 1024
/** Random, in the invitation alone: whoever has it may join. 128 bits cannot be guessed. */
export const SECRET_BYTES = 16

export interface Acceptance {
  /** Hash of the offer that is accepted. */
  offer: Uint8Array
  /** Multihash bytes. */
  peer: Uint8Array
  /** For people: what the member calls itself. */
  site: string
  /** Share of the blocks that it prunes a round, in ppm. */
  capacity: number
  /** HMAC-SHA256 under the invitation's secret. */
  mac: Uint8Array
  /** By the peer, over all of the above. */
  signature: Uint8Array
}

export const acceptanceSchema: z.ZodType<Acceptance> = z.strictObject({
  offer: hashSchema,
  peer: peerIdSchema,
  site: printable(MAX_SITE_NAME),
  capacity: integer(1, 1_000_000),
  mac: fixedBytes(HASH_BYTES),
  signature: signatureSchema,
})

/**
 * Why an acceptance does not count: `offer` another offer, `invitation` a wrong secret, `signature` not its peer's,
 * `name` not one that a site may have.
 */
export type AcceptanceFault = 'offer' | 'invitation' | 'signature' | 'name'

/** @throws {MalformedMessageError} a capacity out of range, or a text that is no name: our own mistake */
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

/** @throws {MalformedMessageError} */
export function decodeAcceptance(bytes: Uint8Array): Acceptance {
  return decode({ what: 'acceptance', schema: acceptanceSchema, maxBytes: MAX_ACCEPTANCE_BYTES }, bytes)
}

/**
 * Null if good.
 * @param secret - null where it is not known, as to someone who verifies a plan offline: then neither the MAC is
 * checked nor
 *   the name, since plans that were signed before names had rules still hold
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
