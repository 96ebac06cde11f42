/** Limits of a running peer. Those of a protocol stand beside the protocol; MAX_GOSSIP_BYTES is one of the round. */

/**
 * Every interface, and a port that a firewall can be opened for once and for all. It is the one that libp2p's programs
 * are known by.
 */
export const DEFAULT_LISTEN = '/ip4/0.0.0.0/tcp/4001'
/**
 * The most bytes of a gossip frame at the receiver. After one longer frame gossipsub silently ignores a link, so no
 * honest sender may ever reach this: the answer to an IWANT holds at most MAX_GOSSIP_MESSAGES, and the largest
 * announcement 5,000 ids of 22 bytes.
 */
export const MAX_GOSSIP_FRAME_BYTES = 4 * 1024 * 1024
/** Messages in one frame: with MAX_GOSSIP_BYTES each they stay below MAX_GOSSIP_FRAME_BYTES. */
export const MAX_GOSSIP_MESSAGES = 2048
/** A federation has one topic. */
export const MAX_GOSSIP_SUBSCRIPTIONS = 16
/** gossipsub's own figure for the ids of an announcement, of a request, and of an IDONTWANT. */
export const MAX_GOSSIP_IDS = 5000
/** GRAFT, PRUNE and the like of one frame: a topic has one of each. */
export const MAX_GOSSIP_CONTROLS = 64
/** Bytes of a message id in gossip: collisions are out of reach at 160 bits. */
export const GOSSIP_ID_BYTES = 20
/** The most time of a dial, over all addresses. */
export const DIAL_TIMEOUT_MS = 10_000
/** Sites behind one address connect at once when a federation starts: the default of 5 a second refuses them. */
export const MIN_INBOUND_CONNECTIONS = 64
/**
 * Whoever connects speaks at once: a second is a slow line, three leave room for an event loop that is late. A silent
 * socket holds a place no longer.
 */
export const SILENCE_TIMEOUT_MS = 3_000
/**
 * A handshake takes two round trips, and 15 ms of computing at each end: where 64 members found at once, on machines
 * that have other work, the last one waits for all before it. The other end gives up after 6 s.
 */
export const HANDSHAKE_TIMEOUT_MS = 10_000
/**
 * So many addresses may have all the connections that one address may have before the founding, and with a handshake
 * that is not done (each as many as it may open in a second), before another address finds no place.
 */
export const CROWDED_ADDRESSES = 4
/**
 * A joiner tries for so long to reach a founder that takes the connection and cuts it off, as one does that is flooded.
 * Floods of silent sockets are over within SILENCE_TIMEOUT_MS.
 */
export const JOIN_PATIENCE_MS = 60_000
/** The pause of a joiner between two tries, on average: a founder counts connections of an address by the second. */
export const JOIN_RETRY_MS = 2_000
/** A ping is a stream of its own, which costs both ends some milliseconds; broken links are mostly told by TCP. */
export const PING_INTERVAL_MS = 30_000
/** A link that answers no ping for this long is dead; machines that prune are slow to answer. */
export const PING_TIMEOUT_MS = 30_000
/** Below libp2p's read buffer of 4 MiB: a paused stream whose window were larger would be reset. */
export const MAX_STREAM_WINDOW_BYTES = 1024 * 1024
/** A stream that nobody drains is reset beyond this; our writers wait for `drain` long before. */
export const MAX_WRITE_BUFFER_BYTES = 8 * 1024 * 1024
/**
 * The longest message of a WebSocket that is taken in. Ours are pieces of at most WEBSOCKET_PIECE_BYTES; ws would
 * gather 100 MiB of a stranger's before it shows them.
 */
export const MAX_WEBSOCKET_MESSAGE_BYTES = 1024 * 1024
/** A packet of Noise with its length is one message. */
export const WEBSOCKET_PIECE_BYTES = 64 * 1024 + 2
/** The number of strangers at once that are told why they are refused. Further ones are disconnected without a word. */
export const MAX_STRANGERS = 16
/** The longest stay of a stranger: one refused acceptance takes two round trips. */
export const STRANGER_STAY_MS = 10_000
/** The average time between two checks for lost or missing links. */
export const RECONNECT_INTERVAL_MS = 5_000
/** Up to this many neighbours everybody dials everybody; beyond, gossip and forwarding need no more. */
export const MAX_DIALLED_NEIGHBOURS = 16
/**
 * The first rounds in which a missing link is dialled every time: members that start together are up within seconds.
 */
export const EAGER_DIAL_ROUNDS = 3
/**
 * Afterwards a missing link is dialled once in this many rounds, about once a minute: a site that cannot be reached
 * from here costs little, and others forward meanwhile. Each of the two members has a turn, half of these rounds apart.
 */
export const PATIENT_DIAL_ROUNDS = 12
/**
 * Messages of one member that are taken in and passed on, at once: a peer whose event loop stood still for a minute
 * hears 240 of the fastest federation. Whatever is beyond is dropped, and comes again with anti-entropy if it matters.
 */
export const AUTHOR_BURST = 256
/** And as time goes by. A member of a federation with rounds of a second sends four a second. */
export const AUTHOR_MESSAGES_A_SECOND = 16
/** The same of a member that is convicted: one of its votes may still matter to somebody who has locked a value. */
export const CONVICT_BURST = 8
export const CONVICT_MESSAGES_A_SECOND = 1
/**
 * Messages of a neighbour that no honest peer sends: malformed, forged, or its own beyond what a member may send. After
 * so many its link is closed for good: at the ninth rejected message gossipsub stops listening to it (score.ts), and
 * what is not heard cannot be counted.
 */
export const LINK_FAULTS = 8
/** A link is forgiven a fault after this many seconds: whoever has one now and then is broken, and no attacker. */
export const LINK_FAULT_SECONDS = 10
