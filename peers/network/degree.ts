/**
 * The number of neighbours that gossip uses. It is set when the members are known: a joiner's node runs before that.
 */
import type { GossipSub, GossipsubOpts } from '@chainsafe/libp2p-gossipsub'

/** Up to this many members each copy of a message is worth its price. */
const SMALL_FEDERATION = 16

type Degree = Pick<GossipsubOpts, 'D' | 'Dlo' | 'Dhi' | 'gossipFactor'>

/**
 * A peer forwards to 6 others and takes messages from 12, so that a star of 13 needs no announcements, and announces
 * what it has to all others.
 */
const SMALL: Degree = { D: 6, Dlo: 4, Dhi: 12, gossipFactor: 1 }
/**
 * Every message goes to every member, so their work grows with the square of the members. A peer forwards to 3, and
 * announces to a quarter of the others in each of 3 seconds: who misses a message hears of it soon.
 */
const LARGE: Degree = { D: 3, Dlo: 2, Dhi: 4, gossipFactor: 0.25 }

/** Call when the members are known, before the topic is joined. */
export function setDegree(pubsub: GossipSub, members: number): void {
  // Were this field ever renamed, the test of the degree would say so.
  if (!('opts' in pubsub && typeof pubsub.opts === 'object')) throw new TypeError('a gossipsub without options')
  Object.assign(pubsub.opts as object, members <= SMALL_FEDERATION ? SMALL : LARGE)
}
