/** Why there is no federation, in the words of the person who wanted one. */
import { NetworkError, NoAgreementError, RefusedError } from '../../src/errors.ts'
import { id8 } from '../encoding.ts'
import { PROTOCOL_VERSION } from '../offer.ts'
import type { FoundingRefusal } from './messages.ts'

const ASK_FOR_A_LINE = 'Ask the founder for the line that its peer printed, and paste all of it.'

/** What the founder answered. The joiner or its invitation is at fault, except for `full` and `failed`. */
export function refusedBy(reason: FoundingRefusal, version: number): RefusedError | NoAgreementError {
  if (reason === 'failed') return signaturesMissing()
  const [what, hint] = {
    version: [
      `the founder speaks protocol version ${version}, this peer ${PROTOCOL_VERSION}`,
      `Install a coppice of protocol version ${version}, or found with this one.`,
    ],
    offer: ['the founder knows no such offer', ASK_FOR_A_LINE],
    invitation: ['the secret of the invitation is wrong', ASK_FOR_A_LINE],
    acceptance: ['the founder does not take the acceptance', 'Check --capacity, and that both run the same version.'],
    member: [
      'this peer has joined already',
      'Each site joins once and with its own --data directory: another process runs with this one.',
    ],
    full: ['the federation is full', 'All seats are taken: ask the founder for a new offer with more members.'],
  }[reason]
  return new RefusedError({ code: `REFUSED_${reason.toUpperCase()}`, what, hint })
}

/** What was served is not what the invitation names. Whoever answers there is at fault. */
export function editedOffer(expected: Uint8Array, found: Uint8Array): RefusedError {
  return new RefusedError({
    code: 'REFUSED_EDITED_OFFER',
    what: `the offer has hash ${id8(found)}, the invitation says ${id8(expected)}`,
    hint: `Somebody has changed the offer, or the line was mixed up. ${ASK_FOR_A_LINE}`,
  })
}

export function wrongOfferVersion(version: number | null): RefusedError {
  return new RefusedError({
    code: 'REFUSED_VERSION',
    what: `the offer is of protocol version ${version ?? 'unknown'}, this peer speaks ${PROTOCOL_VERSION}`,
    hint: 'Install the version of coppice that the founder runs.',
  })
}

/** The founder sent a plan that does not follow from its offer and our acceptance. The founder is at fault. */
export function badPlan(what: string, cause?: unknown): RefusedError {
  return new RefusedError({
    code: 'REFUSED_PLAN',
    what: `the founder's plan is not the one that was offered: ${what}`,
    hint: 'Do not take part. Ask the founder what has happened.',
    cause,
  })
}

/** @param missing - sites that have not signed, where known */
export function signaturesMissing(missing: string[] = []): NoAgreementError {
  const who = missing.length > 0 ? `: ${missing.join(', ')}` : ''
  return new NoAgreementError({
    code: 'NO_AGREEMENT_SIGNATURES',
    what: `not all members have signed the plan in time${who}`,
    hint: 'A member has gone between joining and signing. Found again: a member signs one plan an offer.',
  })
}

export function founderGone(cause: unknown): NetworkError {
  return new NetworkError({
    code: 'NETWORK_FOUNDER_GONE',
    what: 'the connection to the founder was lost before the federation was founded',
    hint: 'Check that the founder is still running, then paste the line again.',
    cause,
  })
}
