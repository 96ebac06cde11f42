/** The score that gossipsub keeps of each neighbour: below a bound it hears nothing of that one any more. */
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import { createTopicScoreParams, PeerScore } from '@chainsafe/libp2p-gossipsub/score'

/**
 * A neighbour loses its score by messages that were rejected, and by nothing else: who has a slow line or little to say
 * is as good as others. Their number counts squared. Four cost it announcements; from nine on nothing of it is heard,
 * until they are some minutes old.
 */
const TOPIC_SCORE = createTopicScoreParams({
  topicWeight: 1,
  timeInMeshWeight: 0,
  firstMessageDeliveriesWeight: 0,
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.99,
})

/** Call before the topic is joined: its name is not known when gossipsub is made. */
export function scoreTopic(pubsub: GossipSub, topic: string): void {
  // Were this field ever renamed, the tests of the score would say so.
  if (!('score' in pubsub && pubsub.score instanceof PeerScore)) throw new TypeError('a gossipsub without scores')
  pubsub.score.params.topics[topic] = TOPIC_SCORE
}
