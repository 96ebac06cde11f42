/** Fetches committed contributions: the commit list first, then each contribution, then its validation. */
import { isPersonal, personalSlots } from '../masked/phases.ts'
import type { Envelope, Hash } from '../messages/messages.ts'
import {
  type CommitList,
  contributorsNeeded,
  type EntryAt,
  type ManifestEntry,
  openSlots,
  placeInManifest,
} from '../messages/value.ts'
import { emit, exit, isDishonest, note, patch, phase, short, type Turn } from '../turn.ts'
import type { ContributionStatus, ListStatus, RoundEvent } from '../types.ts'

type Contribution = Omit<ManifestEntry, 'round'>
type Event<T extends RoundEvent['type']> = Extract<RoundEvent, { type: T }>

function listKey(member: number, round: number, root: Hash): string {
  return `${member}/${round}/${root}`
}

function setList(turn: Turn, key: string, status: ListStatus): void {
  patch(turn, { lists: { ...turn.state.lists, [key]: status } })
}

/** The same bytes of two members are one contribution, but for keys, sheets and reveals: these are their author's. */
function keyOf({ context }: Turn, { member, block, root }: Contribution): string {
  return isPersonal(context.federation, block) ? `${root}/${member}` : root
}

export function contributionStatus(turn: Turn, entry: Contribution): ContributionStatus | undefined {
  return turn.state.contributions[entry.block]?.[keyOf(turn, entry)]
}

function setContribution(turn: Turn, entry: Contribution, status: ContributionStatus): void {
  const { contributions } = turn.state
  const { block } = entry
  patch(turn, {
    contributions: { ...contributions, [block]: { ...contributions[block], [keyOf(turn, entry)]: status } },
  })
}

/** The commit lists of a member in a round: none, one, or two if it equivocated. */
export function listsOf(turn: Turn, member: number, round: number): ListStatus[] {
  const commits = turn.state.commits[member]?.[round] ?? []
  return commits.map(({ body }) => {
    const root = body.type === 'commit' ? body.root : ''
    return turn.state.lists[listKey(member, round, root)] ?? 'fetching'
  })
}

/** The entries of the last certificate. */
export function certifiedAt({ state }: Turn): EntryAt {
  return (place) => state.certified[place]
}

/** The slots that a member may still contribute to in this round. */
export function slotsOf(turn: Turn, member: number): readonly number[] {
  return openSlots(turn.context.federation, member, turn.state.round, certifiedAt(turn))
}

/** The number of members with valid contributions that this round needs. */
export function neededContributors(turn: Turn): number {
  return contributorsNeeded(turn.context.federation, turn.state.round, certifiedAt(turn))
}

/** Whether this peer has a valid contribution to one of these blocks that a member has committed to in a round. */
export function isDelivered(turn: Turn, member: number, round: number, blocks: readonly number[]): boolean {
  return listsOf(turn, member, round).some((list) => {
    if (typeof list === 'string') return false
    return list.some(({ block, root }) => {
      return blocks.includes(block) && contributionStatus(turn, { member, block, root }) === 'valid'
    })
  })
}

/**
 * Whether a contribution of a round is newer than that of the last certificate for this member and block, and may still
 * count.
 */
export function isNewer(turn: Turn, member: number, block: number, round: number): boolean {
  if (turn.context.federation.once && round < turn.state.round) return false
  const certified = turn.state.certified[placeInManifest({ member, block })]
  return certified === undefined || certified.round < round
}

/** Asks for the list behind a commit, unless its round is too far ahead. */
export function requestList(turn: Turn, member: number, round: number, root: Hash): void {
  const key = listKey(member, round, root)
  if (round > turn.state.round + roundsAhead(turn, round) || turn.state.lists[key] !== undefined) return
  setList(turn, key, 'fetching')
  emit(turn, { type: 'fetch', what: 'list', id: root, author: member })
}

/**
 * The rounds by which a list may be ahead: nobody needs such lists yet, and a member could announce a thousand. Keys,
 * sheets and reveals are checked by the certificate before theirs, so they wait for it.
 */
function roundsAhead({ context }: Turn, round: number): 0 | 1 {
  const { masked } = context.federation
  return masked !== null && personalSlots(masked, round) !== null ? 0 : 1
}

/** Asks for the lists of commits that were too far ahead until the current round began. */
export function requestLists(turn: Turn): void {
  for (const commit of turn.roster.flatMap((member) => Object.values(turn.state.commits[member] ?? {}).flat())) {
    const { body, from } = commit
    if (body.type === 'commit' && isOpen(turn, commit)) requestList(turn, from, body.round, body.root)
  }
}

/** Whether a commit may name a contribution that the last certificate does not have. */
export function isOpen(turn: Turn, { body, from }: Envelope): boolean {
  if (body.type !== 'commit') return false
  const { round } = body
  return turn.context.federation.blocksOf(from, round).some((block) => isNewer(turn, from, block, round))
}

/**
 * Asks for a contribution once. The length that its author announced is no limit: another member may name the same
 * contribution with another length, and whether it is valid must not depend on which message arrived first.
 */
export function requestContribution(turn: Turn, { member, block, root }: Contribution): void {
  if (contributionStatus(turn, { member, block, root }) !== undefined) return
  setContribution(turn, { member, block, root }, 'fetching')
  const bytes = turn.context.maxContributionBytes(block)
  emit(turn, { type: 'fetch', what: 'contribution', id: root, author: member, block, bytes })
}

/** The fault of a list as that of this member and round; null if there is none. */
function listFault(turn: Turn, member: number, round: number, list: CommitList): string | null {
  const arc = turn.context.federation.blocksOf(member, round)
  for (const { block, bytes } of list) {
    if (!arc.includes(block)) return `block ${block} is not in its arc`
    const most = turn.context.maxContributionBytes(block)
    if (bytes > most) return `block ${block} has ${bytes} bytes, at most ${most} are possible`
  }
  return null
}

/**
 * Takes a list that has arrived: for every commit that names it, checks it and asks for the new contributions in it.
 */
export function onList(turn: Turn, { root, list }: Event<'list'>): void {
  for (const key of Object.keys(turn.state.lists)) {
    const [member, round, named] = key.split('/')
    if (named === root && turn.state.lists[key] === 'fetching') acceptList(turn, key, +member, +round, list)
  }
}

function acceptList(turn: Turn, key: string, member: number, round: number, list: CommitList | null): void {
  const fault = list === null ? 'its bytes are no commit list' : listFault(turn, member, round, list)
  if (list === null || fault !== null) {
    setList(turn, key, 'bad')
    note(turn, `commit of member ${member}, round ${round}, refused: ${fault}`)
    return
  }
  setList(turn, key, list)
  patch(turn, { stalledTicks: 0 })
  if (isDishonest(turn, member)) return // these contributions are fetched only if a manifest names them
  for (const { block, root } of list) {
    if (isNewer(turn, member, block, round)) requestContribution(turn, { member, block, root })
  }
}

export function onHeld(turn: Turn, { member, block, root }: Event<'held'>): void {
  if (contributionStatus(turn, { member, block, root }) !== 'fetching') return
  setContribution(turn, { member, block, root }, 'validating')
  patch(turn, { stalledTicks: 0 })
  const { adopting, last } = turn.state
  emit(turn, { type: 'validate', member, block, root, entries: (adopting ?? last)?.value.entries ?? [] })
}

export function onValidated(turn: Turn, { member, block, root, reason }: Event<'validated'>): void {
  if (contributionStatus(turn, { member, block, root }) !== 'validating') return
  setContribution(turn, { member, block, root }, reason === null ? 'valid' : 'invalid')
  patch(turn, { stalledTicks: 0 })
  if (reason === null) return
  note(turn, `contribution ${short(root)} to block ${block} refused: ${reason}`)
  // Without the keys and sheets of all nothing can be masked, so the federation ends here.
  if (phase(turn) === 'keys' || phase(turn) === 'sheets') exit(turn, 'cheated', `${reason}. Nothing was masked yet`)
}

/** Records this peer's own contributions. It holds them, and they are valid by construction. */
export function ownContributions(turn: Turn, round: number, root: Hash, list: CommitList): void {
  setList(turn, listKey(turn.context.self, round, root), list)
  const member = turn.context.self
  for (const { block, root } of list) setContribution(turn, { member, block, root }, 'valid')
}

/** Forgets lists and contributions that have nothing newer than the last certificate. */
export function forgetCertified(turn: Turn): void {
  const lists: Record<string, ListStatus> = {}
  const contributions: Record<number, Record<Hash, ContributionStatus>> = {}
  for (const [key, list] of Object.entries(turn.state.lists)) {
    const [member, round] = key.split('/').map(Number)
    if (typeof list === 'string') {
      if (round >= turn.state.round || list === 'fetching') lists[key] = list
      continue
    }
    const newer = list.filter(({ block }) => isNewer(turn, member, block, round))
    if (newer.length > 0) lists[key] = list
    for (const { block, root } of newer) {
      const entry = { member, block, root }
      const status = contributionStatus(turn, entry)
      if (status !== undefined) contributions[block] = { ...contributions[block], [keyOf(turn, entry)]: status }
    }
  }
  patch(turn, { lists, contributions })
}
