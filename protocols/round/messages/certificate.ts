/**
 * The signed outcome of a round: a value and the precommits of a quorum. Its id is the hash of the value alone.
 * Members may hold different signatures under one value, so nothing is ever derived from them.
 */
import { z } from 'zod'
import { MAX_MEMBERS, quorumOf } from '../../plan/offer.ts'
import type { Plan } from '../../plan/plan.ts'
import { boundedBytes, decode, encode, integer, signatureSchema, toHex } from '../../wire/encoding.ts'
import { blobId } from '../../wire/hash.ts'
import { SHEET_ROUND } from '../masked/phases.ts'
import {
  MAX_ATTEMPTS,
  MAX_CERTIFICATE_BYTES,
  MAX_HEAD_BYTES,
  MAX_SIGNATURE_ENTRY_BYTES,
  MAX_VALUE_BYTES,
} from './constants.ts'
import { bodyBytes, type Hash } from './messages.ts'
import { decodeValue, encodeValue, type Federation, maxValueBytes, type Value } from './value.ts'

export interface Certificate {
  value: Value
  /**
   * The attempt of all signatures. Precommits of different attempts together prove nothing: a member may be released
   * from a lock between two attempts.
   */
  attempt: number
  /** One entry a member that signed, ascending by member. */
  signatures: Array<{ member: number; signature: Uint8Array }>
}

const certificateSchema = z.strictObject({
  value: boundedBytes(MAX_VALUE_BYTES),
  attempt: integer(0, MAX_ATTEMPTS - 1),
  signatures: z
    .array(
      z
        .tuple([integer(0, MAX_MEMBERS - 1), signatureSchema])
        .transform(([member, signature]) => ({ member, signature })),
    )
    .max(MAX_MEMBERS)
    .refine((list) => list.every(({ member }, i) => i === 0 || list[i - 1].member < member), 'members must ascend'),
})

/** The certificate's id: the hash of the value alone. */
export function certificateId(certificate: Certificate): Hash {
  return toHex(blobId(encodeValue(certificate.value)))
}

export function encodeCertificate({ value, attempt, signatures }: Certificate): Uint8Array {
  return encode({
    value: encodeValue(value),
    attempt,
    signatures: signatures.map(({ member, signature }) => [member, signature]),
  })
}

/** The most bytes that a certificate of this federation can have. */
export function maxCertificateBytes(federation: Pick<Federation, 'members' | 'blocks'>): number {
  return maxValueBytes(federation) + federation.members * MAX_SIGNATURE_ENTRY_BYTES + MAX_HEAD_BYTES
}

/**
 * @param maxBytes - of a federation that is known (maxCertificateBytes), so that no more is read
 * @throws {MalformedMessageError} the bytes are not a certificate
 */
export function decodeCertificate(bytes: Uint8Array, maxBytes: number = MAX_CERTIFICATE_BYTES): Certificate {
  const form = { what: 'certificate', schema: certificateSchema, maxBytes }
  const { value, attempt, signatures } = decode(form, bytes)
  return { value: decodeValue(value), attempt, signatures }
}

/** The reason why a certificate certifies nothing. */
type CertificateFault = 'plan' | 'quorum' | 'member' | 'signature'

/** The members that must have signed a round: of key sheets all, since each checks shares that nobody else can. */
function signaturesNeeded({ members, offer }: Plan, round: number): number {
  return offer.masked && round === SHEET_ROUND ? members.length : quorumOf(members.length)
}

/**
 * The fault of a certificate; null if a quorum of the plan's members has precommitted the value in one attempt. No
 * earlier certificate is needed for this check.
 */
export function certificateFault(plan: Plan, certificate: Certificate): CertificateFault | null {
  const id = toHex(plan.id)
  if (certificate.value.plan !== id) return 'plan'
  const { attempt, value } = certificate
  if (certificate.signatures.length < signaturesNeeded(plan, value.round)) return 'quorum'
  const vote = { type: 'precommit', round: value.round, attempt, value: certificateId(certificate) } as const
  const signed = bodyBytes(id, vote)
  for (const { member, signature } of certificate.signatures) {
    if (plan.members[member] === undefined) return 'member'
    if (!plan.members[member].verifier.verify(signed, signature)) return 'signature'
  }
  return null
}
