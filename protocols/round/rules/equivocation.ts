/**
 * Two different signed bodies at one place convict their author. Everybody is shown both. From then on nothing more
 * that the author signs is accepted, and the next proposed value excludes it.
 */
import { decodeEnvelope, type Envelope, type Evidence, makeEvidence } from '../messages/messages.ts'
import { emit, note, patch, type Turn } from '../turn.ts'

/** Sends evidence after this peer has seen both bodies. The message comes back to this peer, and is recorded then. */
export function convict(turn: Turn, first: Envelope, second: Envelope): void {
  if (turn.state.evidence[first.from] !== undefined) return
  note(turn, `member ${first.from} has signed two different ${first.body.type}s`)
  emit(turn, { type: 'send', body: makeEvidence(first, second) })
}

/** Records evidence that was checked on its way in. Returns the two envelopes if it is new, else null. */
export function onEvidence(turn: Turn, envelope: Envelope<Evidence>): Envelope[] | null {
  const pair = [decodeEnvelope(envelope.body.first), decodeEnvelope(envelope.body.second)]
  const culprit = pair[0].from
  if (turn.state.evidence[culprit] !== undefined) return null
  patch(turn, { evidence: { ...turn.state.evidence, [culprit]: envelope } })
  note(turn, `member ${culprit} is excluded: it has equivocated`)
  return pair
}
