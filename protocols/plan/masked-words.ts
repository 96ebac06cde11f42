/** Sentences on who sees what a site offers: what masking a plan gives, and what it takes away. */
import { type PayloadKind, type PrunerName, payloadOf } from '../../src/form/method.ts'
import { maskedRounds, openingsOf } from '../../src/merge/openings.ts'
import { sitesOfGroup } from '../../src/merge/pooled/groups.ts'
import { blocksPerRound } from '../../src/merge/sampling.ts'
import type { BaseFacts } from './model-words.ts'
import { faultsOf, type Offer, quorumOf } from './offer.ts'

/** Sentences on who sees single contributions. */
export function seenInWords(offer: Offer): string[] {
  if (offer.masked) return [...hiddenInWords(offer), roundsInWords(offer), AGAIN]
  const open = 'Open: every member sees what each site offers, and keeps it for good.'
  if (offer.members > 2) return [open]
  return [`${open} Two sites cannot hide it from each other: the total less one part is the other part.`]
}

function hiddenInWords({ members }: Offer): string[] {
  const together =
    members === 3
      ? 'With three sites, any one that is lost ends the federation, and two that work together see the part of the third.'
      : `${quorumOf(members)} sites that work together can see the part of every site. Fewer see the sums less their own ` +
        'parts: a single part only where all others of a sum are theirs.'
  return [
    `Masked: nobody sees what a single site offers, only sums over at least ${leastSites(members)} sites.`,
    'In return a single contribution can be neither checked nor left out, and a liar can stop the federation unseen.',
    together,
  ]
}

function roundsInWords(offer: Offer): string {
  const sums = openingsOf(offer)
  return (
    `The plan takes ${maskedRounds(offer)} rounds: two for keys, in which all ${offer.members} sites are needed, and two ` +
    `for ${sums === 1 ? 'the one sum' : `each of the ${sums} sums`} that it opens.`
  )
}

const AGAIN =
  'If this site takes part again with the same text and other members, whoever has both sums can subtract them. This ' +
  'site keeps a list of the sums that its text was in, and says before it signs whose part that would show.'

/** The bytes of a weight in a masked sum of votes: see src/merge/masked/vector.ts. */
const VOTE_BYTES: Record<PayloadKind, number> = { statistics: 1, weights: 6 }

/**
 * Sentences on votes that are added up masked.
 * @param capacity - share of the blocks that this site prunes, in ppm
 * @param base - facts about the base model, if it is at hand
 */
export function votesInWords(
  { model, sample }: Offer,
  pruner: PrunerName,
  capacity: number,
  base?: Pick<BaseFacts, 'layers'>,
): string[] {
  const isPart = [sample, capacity].some((share) => blocksPerRound(model.blocks, share) < model.blocks)
  const payload = payloadOf(pruner)
  const each = VOTE_BYTES[payload]
  const weights = (base?.layers ?? []).reduce((sum, layer) => sum + layer.weights, 0)
  const all = base === undefined ? '' : `, ${inMegabytes(each * weights)} in all`
  return [
    `Votes are added up masked, which is dear: ${each} ${each === 1 ? 'byte' : 'bytes'} a weight${all}. The rule pooled ` +
      `takes fewer${pruner === 'magnitude' ? '' : ', and gives a better model'}.`,
    ...(isPart
      ? ['Every site prunes all blocks, whatever --sample and --capacity say: the sums are over all of them.']
      : []),
    ...(payload === 'weights'
      ? ['Where only one site keeps a weight, the sum is the value of that site: all see it, though not whose it is.']
      : []),
  ]
}

function inMegabytes(bytes: number): string {
  return `${Number((bytes / 1e6).toPrecision(2))} MB`
}

/**
 * A warning if some sums of a plan that pools are not opened although no more sites are missing than may be.
 * @param smallest - the sites of the smallest group
 */
export function unopenedInWords({ masked, merge, members }: Offer, smallest: number): string[] {
  const faults = faultsOf(members)
  const least = leastSites(members)
  if (!masked || merge !== 'pooled' || smallest - faults >= least) return []
  return [
    `Some group of blocks has only ${smallest} sites. Where ${faults === 1 ? 'one' : `${faults}`} of them ` +
      `${faults === 1 ? 'is' : 'are'} missing, fewer than ${least} are left: its sum is not opened then, and its blocks ` +
      'keep their base weights.',
  ]
}

/** Sentences on what of all that leaves this site can be read, and by whom. */
export function leavesMasked({ members }: Offer): string[] {
  return [
    `All of this leaves masked: only sums over at least ${leastSites(members)} sites can be read. All members see and ` +
      'keep the sums.',
    'Your text, its tokens and its activations never leave. But whoever has the sums may infer what kind of texts these ' +
      'are, such as their language or subject, and which words are in all of them together, though not whose. There is no ' +
      'noise in the sums (no differential privacy).',
    'All members see your peer id, your site name, your network address and when you are online.',
  ]
}

/** The fewest sites over which a sum is opened. */
function leastSites(members: number): number {
  return sitesOfGroup(members, faultsOf(members))
}
