/** Reasons why there is no federation, in words for the person who wanted one. */

import { ppmToFraction } from '../../src/base/decimal.ts'
import { NetworkError, NoAgreementError, RefusedError } from '../../src/base/errors.ts'
import { capacityFor, sitesOfGroup } from '../../src/merge/pooled/groups.ts'
import { faultsOf, type Offer, PROTOCOL_VERSION } from '../plan/offer.ts'
import { type SiteLabel, siteInWords } from '../plan/site-name.ts'
import { id8 } from '../wire/encoding.ts'
import { FOUNDING_PROTOCOL } from './constants.ts'
import type { FoundingEnding, FoundingRefusal } from './messages.ts'

const ASK_FOR_A_LINE = 'Ask the founder for the line that its peer printed, and paste all of it.'

/** The founder's refusal. The joiner or its invitation is at fault, except for `full` and `failed`. */
export function refusedBy(reason: FoundingRefusal, version: number): RefusedError | NoAgreementError {
  if (reason === 'failed') return signaturesMissing('late', [])
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
      'Each site joins once and with a --data directory of its own: another process has joined with the key of this one.',
    ],
    full: ['the federation is full', 'All seats are taken: ask the founder for a new offer with more members.'],
  }[reason]
  return new RefusedError({ code: `REFUSED_${reason.toUpperCase()}`, what, hint })
}

/** The served offer is not the one that the invitation names. The peer that answered is at fault. */
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

/** The reason why a founding has ended, for the others. @param sites - the sites that ended it, if known */
export function foundingEnded(
  ending: FoundingEnding,
  sites: readonly SiteLabel[],
  offer: Pick<Offer, 'members' | 'rounds'>,
): RefusedError | NoAgreementError {
  if (ending === 'groups') return groupsTooSmall(offer)
  return ending === 'declined' ? declinedBy(sites) : signaturesMissing(ending, sites)
}

function groupsTooSmall({ members, rounds }: Pick<Offer, 'members' | 'rounds'>): RefusedError {
  const sites = sitesOfGroup(members, faultsOf(members))
  const capacity = ppmToFraction(capacityFor(sites, members, rounds))
  return new RefusedError({
    code: 'REFUSED_GROUPS',
    what: `with the capacities of these sites, some of the ${rounds} groups of blocks has fewer than ${sites} sites`,
    hint: `There is no federation. With --capacity ${capacity} or more at every site each group has enough, or with fewer --rounds.`,
  })
}

function declinedBy(sites: readonly SiteLabel[]): RefusedError {
  return new RefusedError({
    code: 'REFUSED_DECLINED',
    what: `${named(sites)} does not sign the plan`,
    hint: 'There is no federation. Only names and addresses were sent. The founder may make another offer.',
  })
}

function signaturesMissing(ending: 'gone' | 'late', sites: readonly SiteLabel[]): NoAgreementError {
  const gone = `${named(sites)} left before it signed the plan`
  const late = `not all members have signed the plan in time${sites.length === 0 ? '' : `: ${named(sites)}`}`
  return new NoAgreementError({
    code: 'NO_AGREEMENT_SIGNATURES',
    what: ending === 'gone' ? gone : late,
    hint: 'There is no federation. Only names and addresses were sent. The founder may make another offer.',
  })
}

/** The refusal if this site declines. @param sent - whether the founder had its acceptance by then */
export function declinedHere(sent: boolean): RefusedError {
  return new RefusedError({
    code: 'REFUSED_DECLINED',
    what: sent ? 'you do not sign the plan' : 'you do not take part',
    hint: sent
      ? 'The founding ends for all, and the others learn that this site declined. Only names and addresses were sent.'
      : 'Nothing of this site was sent. Paste the line again to be asked again.',
  })
}

function named(sites: readonly SiteLabel[]): string {
  return sites.length === 0 ? 'a member' : sites.map(siteInWords).join(', ')
}

/** The refusal if the peer there answers, but does not speak this protocol. */
export function otherFounding(cause: unknown): RefusedError {
  return new RefusedError({
    code: 'REFUSED_VERSION',
    what: `the founder does not speak ${FOUNDING_PROTOCOL}`,
    hint: 'Install the version of coppice that the founder runs.',
    cause,
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
