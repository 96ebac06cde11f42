/**
 * Two different signed bodies at one place convict their author. Everybody gets to see them; from then on nothing
 * more that the author signs is taken, and the next value that is proposed excludes it.
 */
import { decodeEnvelope, type Envelope, type Evidence, makeEvidence } from '../messages/messages.ts'
import { emit, note, patch, type Turn } from '../turn.ts'

/** This peer has seen both: it tells. What it sends comes back to it as a message, which is where it is recorded. */
export function convict(turn: Turn, first: Envelope, second: Envelope): void {
  if (turn.state.evidence[first.from] !== undefined) return
  note(turn, `member ${first.from} has signed two different ${first.body.type}s`)
  emit(turn, { type: 'send', body: makeEvidence(first, second) })
}

/** Evidence that was checked on its way in. Returns the two envelopes if it tells anything new. */
export function onEvidence(turn: Turn, envelope: Envelope<Evidence>): Envelope[] | null {
  const pair = [decodeEnvelope(envelope.body.first), decodeEnvelope(envelope.body.second)]
  const culprit = pair[0].from
  if (turn.state.evidence[culprit] !== undefined) return null
  patch(turn, { evidence: { ...turn.state.evidence, [culprit]: envelope } })
  note(turn, `member ${culprit} is excluded: it has equivocated`)
  return pair
}
