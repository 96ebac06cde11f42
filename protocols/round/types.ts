/**
 * The contract between the round and whoever drives it. `step(context, state, event)` returns the next state and
 * effects; it reads no clock, no file and no network, and the same state and event always give the same answer.
 *
 * The driver's duties:
 * 1. Hand in one event at a time and carry out the effects in their order.
 * 2. `persist` is durable (fsync) before the next effect begins. What is sent was persisted.
 * 3. `send`: sign the body, hand the envelope in as a `message` event (a peer hears itself), publish it.
 * 4. Check every envelope from elsewhere (envelopeFault) before it becomes an event, and every certificate
 *    (certificateFault). Order, duplication and loss of messages are the machine's business.
 * 5. Answer each `fetch`, `validate`, `merge` and `prune` exactly once, sooner or later, in any order; a fetch that
 *    fails is tried again, from any member. Blobs that this peer has made or holds are answered at once.
 * 6. `setTimer` replaces a timer of the same id; when it runs out, hand in `timer`. One that was cleared may still
 *    come: it is ignored.
 */
import type { Certificate } from './messages/certificate.ts'
import type { Body, Envelope, Evidence, Hash, Proposal, Step, Vote } from './messages/messages.ts'
import type { Certified, CommitList, Federation, ManifestEntry, Value } from './messages/value.ts'

/** What never changes while a peer runs. */
export interface Context {
  federation: Federation
  /** This peer's index in the roster. */
  self: number
  /** The most bytes that a contribution of this block can have; a commit list that says more is bad. */
  maxContributionBytes(block: number): number
}

/** What comes in. */
export type RoundEvent =
  /**
   * First of all events. After a restart: the last certificate that was taken over, and the bodies that were
   * persisted, in their order. Every blob that this peer made is still in its store. If a later certificate was
   * written to disk before it could be taken over, it is the next event.
   */
  | {
      type: 'start'
      certificate: Certified | null
      log: readonly Body[] /** above that of any status sent before */
      beat: number
    }
  /** Blocks of `prune` are done; the contributions and the commit list are in the store under these ids. */
  | { type: 'pruned'; round: number; root: Hash; list: CommitList }
  /** A checked gossip message, also one that this peer sent. */
  | { type: 'message'; envelope: Envelope }
  /** A checked certificate. Of a chain that was fetched the last one is enough; the driver keeps them all. */
  | { type: 'certificate'; certificate: Certificate }
  /** A fetched commit list, decoded; null: its bytes are none. */
  | { type: 'list'; root: Hash; list: CommitList | null }
  /** A fetched value, decoded; null: its bytes are none. */
  | { type: 'value'; hash: Hash; value: Value | null }
  /** A contribution is in the store. */
  | { type: 'held'; block: number; root: Hash }
  /** It was decoded and checked against the base model: null, or why it is refused. */
  | { type: 'validated'; block: number; root: Hash; reason: string | null }
  /** The merge with this key is done and kept. */
  | { type: 'merged'; manifest: Hash; root: Hash; moved: number; bits: number }
  | { type: 'timer'; id: string }
  /**
   * Somebody got something from this peer: a blob, a certificate it lacked. Routine comparing is not asking, or two
   * peers that are done would keep each other up. Matters only at the end.
   */
  | { type: 'asked' }

/** What is to be done. */
export type Effect =
  /** Append to the write-ahead log, durably. */
  | { type: 'persist'; body: Body }
  /** Sign, hear it oneself, publish. */
  | { type: 'send'; body: Body }
  /** Keep these bytes under their blob id and serve them: a value that is about to be proposed. */
  | { type: 'store'; hash: Hash; bytes: Uint8Array }
  /** Prune these blocks with the model as of the last `adopted`; answer: `pruned`. */
  | { type: 'prune'; round: number; blocks: readonly number[] }
  /** Nobody needs the contributions any more. */
  | { type: 'abortPrune' }
  /** Get a commit list; answer: `list`. The author is where it certainly is. */
  | { type: 'fetch'; what: 'list'; id: Hash; author: number }
  /** Get a value; answer: `value`. */
  | { type: 'fetch'; what: 'value'; id: Hash; author: number }
  /**
   * Get a contribution; answer: `held`. One that is longer than `bytes`, the most that this block can have, is not
   * fetched: answer `held`, and then that it is not valid.
   */
  | { type: 'fetch'; what: 'contribution'; id: Hash; author: number; block: number; bytes: number }
  /** Check a held contribution; answer: `validated`. */
  | { type: 'validate'; block: number; root: Hash }
  /**
   * Merge these held and valid contributions, count the mask bits that moved since the merge `previous` (null: from
   * masks that keep all), keep the result under `manifest`; answer: `merged`.
   */
  | { type: 'merge'; manifest: Hash; round: number; entries: readonly ManifestEntry[]; previous: Hash | null }
  /** A round has ended: write the certificate to disk, serve it from now on. */
  | { type: 'certificate'; id: Hash; certificate: Certificate }
  /** The merge `manifest` is the model from here on. `last`: the federation is done, write it out. */
  | { type: 'adopted'; id: Hash; value: Value; manifest: Hash; last: boolean }
  /** Others are ahead: ask this member for certificates from this round on. */
  | { type: 'catchUp'; member: number; round: number }
  | { type: 'setTimer'; id: string; ms: number }
  | { type: 'clearTimer'; id: string }
  /** For the log: why something was done. */
  | { type: 'note'; text: string }
  /** Stop. Nothing happens afterwards. */
  | { type: 'exit'; reason: ExitReason; detail: string }

/**
 * `done`; `noAgreement` (exit 6); `diverged` (exit 7): a quorum holds another result over a manifest that this peer
 * holds, so keep what reproduces it.
 */
export type ExitReason = 'done' | 'noAgreement' | 'diverged'

/** How far a contribution has come at this peer. */
export type ContributionStatus = 'fetching' | 'validating' | 'valid' | 'invalid'

/** A commit list as the machine looks things up in it. */
export type ListStatus = 'fetching' | 'bad' | CommitList

export interface MergeResult {
  root: Hash
  moved: number
  bits: number
}

/** A value that was seen in this round. */
export interface KnownValue {
  value: Value
  /** Key of its merge. */
  manifest: Hash
  /** Entries that the certificate before does not have. */
  fresh: ManifestEntry[]
  /** Why it may not follow the last certificate, or null. */
  fault: string | null
}

/** All that was heard of one attempt. */
export interface AttemptRecord {
  /** The first that came. */
  proposal: Envelope<Proposal> | null
  /** The first of every member; of one that equivocates, also those for values that others have voted for. */
  prevotes: ReadonlyArray<Envelope<Vote>>
  precommits: ReadonlyArray<Envelope<Vote>>
}

/** The manifest that this peer would propose. */
export interface Candidate {
  manifest: Hash
  entries: ManifestEntry[]
  excluded: number[]
}

/** Plain data: it can be copied, compared and written down. */
export interface RoundState {
  step: Step
  /** 1, 2, ...; while the last certificate is served, the last round. */
  round: number
  /** Within the round, from 0. */
  attempt: number
  /** The last certificate that was taken over, and the key of its merge. */
  last: (Certified & { manifest: Hash }) | null
  /** The entries of the last certificate by placeInManifest. */
  certified: Readonly<Record<number, ManifestEntry>>
  /** The certificate that is being taken over, in step `adopt`. */
  adopting: (Certified & { manifest: Hash }) | null

  /** The round whose blocks this peer is pruning, perhaps an earlier one; null: none. */
  pruning: number | null
  /** What this peer has signed from this round on (and all its commits): never contradicted. */
  signed: readonly Body[]

  /** Commits by member and round; a second one at a place is in evidence, and both may be in a manifest. */
  commits: Readonly<Record<number, Readonly<Record<number, readonly Envelope[]>>>>
  /** By member, round and id, as in `2/1/ab12...`: what is in a member's arc depends on all three. */
  lists: Readonly<Record<string, ListStatus>>
  /** By block, then id. */
  contributions: Readonly<Record<number, Readonly<Record<Hash, ContributionStatus>>>>
  /** Merges of this round by key. */
  merges: Readonly<Record<Hash, 'running' | MergeResult>>
  /** Values of this round by hash. */
  values: Readonly<Record<Hash, 'fetching' | 'bad' | KnownValue>>
  /** Members that equivocated. */
  evidence: Readonly<Record<number, Envelope<Evidence>>>

  /** By attempt. */
  attempts: readonly AttemptRecord[]
  /** Messages of the next round, kept until it begins; one a member, type and attempt. */
  early: Readonly<Record<string, Envelope>>
  /** The paper's lockedValue and lockedRound. */
  locked: { value: Hash; attempt: number } | null
  /** The paper's validValue and validRound. */
  valid: { value: Hash; attempt: number } | null
  candidate: Candidate | null
  /** The last attempt in which this peer proposed; -1: none in this round. */
  proposed: number

  /** The wait for stragglers: not begun, running, over. */
  wait: 'none' | 'running' | 'over'
  /** Status intervals since the round began. */
  roundTicks: number
  /** Status intervals since the wait is over and nothing has come in. */
  stalledTicks: number
  /** Step timers that are due in this attempt, and those of them that run: none does while a merge does. */
  due: readonly StepTimer[]
  armed: readonly StepTimer[]

  /** Status intervals since each member was last heard. */
  silence: readonly number[]
  /** The last status of each member. */
  announced: ReadonlyArray<{ beat: number; certificate: Hash | null } | null>
  /** Number of the next status. */
  beat: number
  /** A catch-up was asked for in this status interval. */
  askedToCatchUp: boolean
  /** In step `serve`: everybody has announced the last certificate. */
  lingering: boolean
}

export type StepTimer = 'propose' | 'prevote' | 'precommit'

export interface Outcome {
  state: RoundState
  effects: Effect[]
}
