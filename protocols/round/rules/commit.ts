/** Commits: this peer's own after it has pruned, and those of others. */

import type { Commit, Envelope } from '../messages/messages.ts'
import type { CommitList } from '../messages/value.ts'
import { emit, isExcluded, isVoting, patch, signOnce, type Turn } from '../turn.ts'
import { isOpen, ownContributions, requestList, slotsOf } from './contributions.ts'
import { convict } from './equivocation.ts'

/**
 * Begins to prune for the current round, unless this peer has committed for it, or is still pruning for an earlier one.
 */
export function startPruning(turn: Turn): void {
  const { context, state } = turn
  if (state.pruning !== null || isExcluded(turn, context.self)) return
  if (state.signed.some((body) => body.type === 'commit' && body.round === state.round)) return
  const blocks = slotsOf(turn, context.self)
  if (blocks.length === 0) return
  patch(turn, { pruning: state.round })
  emit(turn, { type: 'prune', round: state.round, blocks })
}

/**
 * Commits after pruning. A member that was overtaken meanwhile commits under the round for which it pruned, and then
 * joins the current one.
 */
export function onPruned(turn: Turn, round: number, root: string, list: CommitList): void {
  if (turn.state.pruning !== round) return
  patch(turn, { pruning: null })
  if (turn.state.step === 'serve') return
  ownContributions(turn, round, root, list)
  signOnce(turn, { type: 'commit', round, root })
  if (isVoting(turn.state) && turn.state.round > round) startPruning(turn)
}

/** This site offers nothing in this round. */
export function onWithheld(turn: Turn, round: number): void {
  if (turn.state.pruning === round) patch(turn, { pruning: null })
}

/** Records a commit. Returns whether it was new. Commits of later rounds are kept: their authors are ahead. */
export function onCommit(turn: Turn, envelope: Envelope<Commit>): boolean {
  const { from, body } = envelope
  const { federation } = turn.context
  const known = turn.state.commits[from]?.[body.round] ?? []
  if (body.round > federation.rounds || known.length >= 2 || isOver(turn, envelope)) return false
  if (known.some(({ body: earlier }) => earlier.type === 'commit' && earlier.root === body.root)) return false
  const commits = { ...turn.state.commits[from], [body.round]: [...known, envelope] }
  patch(turn, { commits: { ...turn.state.commits, [from]: commits } })
  if (known.length === 1) convict(turn, known[0], envelope)
  requestList(turn, from, body.round, body.root)
  return true
}

/** Whether a commit can matter no more: its round is long over, and nothing that it names is still to be certified. */
export function isOver(turn: Turn, commit: Envelope<Commit>): boolean {
  return commit.body.round < turn.state.round - 1 && !isOpen(turn, commit)
}

/** Forgets the commits that are over: with a thousand rounds they would fill the memory, and their lists the disk. */
export function forgetCommits(turn: Turn): void {
  const kept = Object.entries(turn.state.commits).map(([member, byRound]) => {
    const open = Object.entries(byRound).filter(([, list]) => {
      return list.some(({ body, ...rest }) => body.type === 'commit' && !isOver(turn, { ...rest, body }))
    })
    return [member, Object.fromEntries(open)]
  })
  patch(turn, { commits: Object.fromEntries(kept) })
}

/** Members that have committed for the current round and whose commits count. */
export function committedMembers(turn: Turn): number[] {
  const { commits, evidence, round } = turn.state
  return turn.roster.filter((member) => {
    return commits[member]?.[round] !== undefined && evidence[member] === undefined && !isExcluded(turn, member)
  })
}
