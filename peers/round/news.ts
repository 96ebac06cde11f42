/** News of members that a step of the round has brought, for those who watch: a pure comparison of two states. */
import type { AttemptRecord, RoundState } from '../../protocols/round/types.ts'
import type { NewsEvent } from './events.ts'

type Watched = Pick<RoundState, 'round' | 'commits' | 'lists' | 'attempts'>

/** The commits, commit lists and proposals that `after` has and `before` has not. */
export function newsOf(before: Watched, after: Watched): NewsEvent[] {
  return [...commitsOf(before, after), ...listsOf(before, after), ...proposalsOf(before, after)]
}

function* commitsOf(before: Watched, after: Watched): Generator<NewsEvent> {
  if (before.commits === after.commits) return
  for (const [member, byRound] of Object.entries(after.commits)) {
    const known = before.commits[Number(member)]
    if (known === byRound) continue
    for (const round of Object.keys(byRound))
      if (known?.[Number(round)] === undefined) yield { type: 'sent', member: Number(member), round: Number(round) }
  }
}

function* listsOf(before: Watched, after: Watched): Generator<NewsEvent> {
  if (before.lists === after.lists) return
  for (const [place, list] of Object.entries(after.lists)) {
    if (typeof list === 'string' || before.lists[place] === list) continue
    const [member, round] = place.split('/').map(Number)
    yield { type: 'offers', member, round, bytes: list.reduce((sum, { bytes }) => sum + bytes, 0) }
  }
}

function* proposalsOf(before: Watched, after: Watched): Generator<NewsEvent> {
  if (before.attempts === after.attempts) return
  const known: readonly AttemptRecord[] = before.round === after.round ? before.attempts : []
  for (const [attempt, { proposal }] of after.attempts.entries()) {
    if (proposal === null || (known[attempt]?.proposal ?? null) !== null) continue
    yield { type: 'proposed', member: proposal.from, round: after.round, attempt }
  }
}
