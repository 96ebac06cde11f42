/**
 * The contract between the round and its driver. `step(context, state, event)` returns the next state and effects; it
 * reads no clock, no file and no network, and the same state and event always give the same answer.
 *
 * The driver's duties:
 * 1. Hand in one event at a time and carry out the effects in their order.
 * 2. Make a `persist` durable (fsync) before the next effect begins, so that a body is persisted before it is sent.
 * 3. `send`: sign the body, hand the envelope in as a `message` event (a peer hears itself), publish it.
 * 4. Check every envelope from other peers (envelopeFault) before it becomes an event, and every certificate
 * (certificateFault). The machine handles order, duplication and loss of messages.
 * 5. Answer each `fetch`, `validate`, `merge`, `measure` and `prune` exactly once, sooner or later, in any order. Try a
 * fetch that fails again, from any member. Answer at once for blobs that this peer has made or holds.
 * 6. `setTimer` replaces a timer of the same id; when it runs out, hand in `timer`. A timer that was cleared may still
 * be handed in: it is ignored.
 */
import type { Certificate } from './messages/certificate.ts'
import type { Body, Envelope, Evidence, Hash, Proposal, Step, Vote } from './messages/messages.ts'
import type { Certified, CommitList, Federation, ManifestEntry, Value } from './messages/value.ts'

/** The facts that never change while a peer runs. */
export interface Context {
  federation: Federation
  /** This peer's index in the roster. */
  self: number
  /** The most bytes that a contribution of this block can have. A commit list with a larger number is bad. */
  maxContributionBytes(block: number): number
}

/** The events that the driver hands in. */
export type RoundEvent =
  /**
   * The first of all events. After a restart it carries the last certificate on disk, and the bodies that were
   * persisted, in their order. The certificate is taken over anew, as that of a peer that was overtaken: its
   * contributions are fetched where the store has lost them, validated and merged, since merges outlast no process.
   * Every blob that this peer made is still in its store.
   */
  | {
      type: 'start'
      certificate: Certified | null
      log: readonly Body[] /** above the beat of any status sent before */
      beat: number
    }
  /** The blocks of a `prune` are done. The contributions and the commit list are in the store under these ids. */
  | { type: 'pruned'; round: number; root: Hash; list: CommitList }
  /** A checked gossip message, also one that this peer sent. */
  | { type: 'message'; envelope: Envelope }
  /** A checked certificate. If a chain was fetched, its last certificate is enough; the driver keeps them all. */
  | { type: 'certificate'; certificate: Certificate }
  /** A fetched commit list, decoded; null if its bytes are not one. */
  | { type: 'list'; root: Hash; list: CommitList | null }
  /** A fetched value, decoded; null if its bytes are not one. */
  | { type: 'value'; hash: Hash; value: Value | null }
  /** This site offers nothing in a round for which it was to prune. */
  | { type: 'withheld'; round: number }
  /** A contribution is in the store. */
  | { type: 'held'; member: number; block: number; root: Hash }
  /** A contribution was decoded and checked against the base model. `reason`: why it is refused, or null. */
  | { type: 'validated'; member: number; block: number; root: Hash; reason: string | null }
  /**
   * The merge with this key is done and kept. `doubt`: why this site finds that a masked sum cannot be honest, by what
   * it knows of its own part; null: it does not.
   */
  | { type: 'merged'; manifest: Hash; root: Hash; moved: number; bits: number; doubt: string | null }
  /** A masked sum cannot be opened, or cannot be one of honest sites: every member finds that. */
  | { type: 'unmergeable'; manifest: Hash; reason: string }
  /** The harm of a merge: see proposal/harm.ts. Infinity where the merge gives no numbers. */
  | { type: 'measured'; manifest: Hash; harm: number }
  | { type: 'timer'; id: string }
  /**
   * Another peer got a blob from this one, or a certificate that it lacked. Routine comparing does not count, or two
   * peers that are done would keep each other up. It matters only at the end.
   */
  | { type: 'asked' }

/** The effects that the driver carries out. */
export type Effect =
  /** Append the body to the write-ahead log, durably. */
  | { type: 'persist'; body: Body }
  /** Sign the body, hand it in as an event, publish it. */
  | { type: 'send'; body: Body }
  /** Keep these bytes under their blob id and serve them: a value that will be proposed. */
  | { type: 'store'; hash: Hash; bytes: Uint8Array }
  /**
   * Prune these blocks with the model of the last `adopted`, or make the key, the sheet or the reveal of this slot;
   * answer: `pruned`, or `withheld`.
   */
  | { type: 'prune'; round: number; blocks: readonly number[] }
  /** Stop pruning: nobody needs the contributions any more. */
  | { type: 'abortPrune' }
  /** Get a commit list; answer: `list`. The author certainly has it. */
  | { type: 'fetch'; what: 'list'; id: Hash; author: number }
  /** Get a value; answer: `value`. */
  | { type: 'fetch'; what: 'value'; id: Hash; author: number }
  /**
   * Get a contribution; answer: `held`. A contribution longer than `bytes`, the most that this block can have, is not
   * fetched: answer `held`, and then that it is not valid.
   */
  | { type: 'fetch'; what: 'contribution'; id: Hash; author: number; block: number; bytes: number }
  /**
   * Check a held contribution of a member; answer: `validated`. `entries`: those of the newest certificate, by which
   * keys, sheets and reveals are checked.
   */
  | { type: 'validate'; member: number; block: number; root: Hash; entries: readonly ManifestEntry[] }
  /**
   * Merge these held and valid contributions, count the mask bits that moved since the merge `previous` (null: from
   * masks that keep everything), keep the result under `manifest`; answer: `merged`.
   */
  | { type: 'merge'; manifest: Hash; round: number; entries: readonly ManifestEntry[]; previous: Hash | null }
  /**
   * Let this site's own text flow through the merge `manifest` and through the contributions `own` alone, both in the
   * blocks of `own`; answer: `measured`.
   */
  | { type: 'measure'; manifest: Hash; own: readonly ManifestEntry[] }
  /** A round has ended: write the certificate to disk, serve it from now on. */
  | { type: 'certificate'; id: Hash; certificate: Certificate }
  /** From here on the merge `manifest` is the model. `last`: the federation is done, so write the model out. */
  | { type: 'adopted'; id: Hash; value: Value; manifest: Hash; last: boolean }
  /** Others are ahead: ask this member for certificates from this round on. */
  | { type: 'catchUp'; member: number; round: number }
  | { type: 'setTimer'; id: string; ms: number }
  | { type: 'clearTimer'; id: string }
  /** A line for the log that says why something was done. */
  | { type: 'note'; text: string }
  /** Stop. Nothing happens afterwards. */
  | { type: 'exit'; reason: ExitReason; detail: string }

export type EffectOf<T extends Effect['type']> = Extract<Effect, { type: T }>

/**
 * The reason for the end. `done`; `noAgreement` and `harmed` (exit 6): see rules/status.ts and proposal/harm.ts;
 * `cheated` (exit 6): a member of a masked federation has dealt false shares, or masked what is no honest part;
 * `diverged` (exit 7): a quorum holds another result over a manifest that this peer holds, so the files that reproduce
 * it are kept.
 */
export type ExitReason = 'done' | 'noAgreement' | 'harmed' | 'cheated' | 'diverged'

/** The progress of a contribution at this peer. */
export type ContributionStatus = 'fetching' | 'validating' | 'valid' | 'invalid'

/** A commit list, or its status until it has been checked. */
export type ListStatus = 'fetching' | 'bad' | CommitList

export interface MergeResult {
  root: Hash
  moved: number
  bits: number
  doubt: string | null
}

/** A value that was seen in this round. */
export interface KnownValue {
  value: Value
  /** Key of its merge. */
  manifest: Hash
  /** Entries that the certificate before does not have. */
  fresh: ManifestEntry[]
  /** The reason why it may not follow the last certificate; null if it may. */
  fault: string | null
}

/** All messages that were heard of one attempt. */
export interface AttemptRecord {
  /** The first that arrived. */
  proposal: Envelope<Proposal> | null
  /**
   * The first vote of every member. For a member that equivocates also its votes for values that others have voted for.
   */
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
  /** 1, 2, ...; the last round while the last certificate is served. */
  round: number
  /** Number of the attempt within the round, from 0. */
  attempt: number
  /** The last certificate that was taken over, and the key of its merge. */
  last: (Certified & { manifest: Hash }) | null
  /** The entries of the last certificate by placeInManifest. */
  certified: Readonly<Record<number, ManifestEntry>>
  /** The certificate that is being taken over, in step `adopt`. */
  adopting: (Certified & { manifest: Hash }) | null

  /** The round for which this peer is pruning, perhaps an earlier one; null if it is not pruning. */
  pruning: number | null
  /** The bodies that this peer has signed from this round on, and all its commits. It never contradicts them. */
  signed: readonly Body[]

  /** Commits by member and round. A second commit at a place is in evidence, and either may be in a manifest. */
  commits: Readonly<Record<number, Readonly<Record<number, readonly Envelope[]>>>>
  /**
   * Commit lists by member, round and id, as in `2/1/ab12...`: whether a list fits a member's arc depends on all three.
   */
  lists: Readonly<Record<string, ListStatus>>
  /** The status of contributions by block, then id; of keys, sheets and reveals by id and author, as in `ab12.../3`. */
  contributions: Readonly<Record<number, Readonly<Record<string, ContributionStatus>>>>
  /** Merges of this round by key. */
  merges: Readonly<Record<Hash, 'running' | MergeResult>>
  /** The harm of merges of this round by key. */
  harms: Readonly<Record<Hash, 'measuring' | number>>
  /** Proposers of this round whose proposal this peer refused for its harm, and that harm. */
  harmful: Readonly<Record<number, number>>
  /** Whether this peer, as the proposer, tries merges without some members. */
  searching: boolean
  /** Values of this round by hash. */
  values: Readonly<Record<Hash, 'fetching' | 'bad' | KnownValue>>
  /** Evidence by member that equivocated. */
  evidence: Readonly<Record<number, Envelope<Evidence>>>

  /** One entry an attempt, from 0. */
  attempts: readonly AttemptRecord[]
  /** Messages of the next round, kept until it begins; one for each member, type and attempt. */
  early: Readonly<Record<string, Envelope>>
  /** The paper's lockedValue and lockedRound. */
  locked: { value: Hash; attempt: number } | null
  /** The paper's validValue and validRound. */
  valid: { value: Hash; attempt: number } | null
  candidate: Candidate | null
  /** The last attempt in which this peer proposed; -1 if there is none in this round. */
  proposed: number

  /** The state of the wait for stragglers: not begun, running, over. */
  wait: 'none' | 'running' | 'over'
  /** Status intervals since the round began, and those of them before a quorum had committed. */
  roundTicks: number
  quorumTicks: number
  /** Status intervals since the wait is over and nothing has arrived. */
  stalledTicks: number
  /** Step timers that are due in this attempt, and those of them that run. None runs while a merge does. */
  due: readonly StepTimer[]
  armed: readonly StepTimer[]

  /** Status intervals since each member was last heard. */
  silence: readonly number[]
  /** The last status of each member. */
  announced: ReadonlyArray<{ beat: number; certificate: Hash | null } | null>
  /** Number of the next status. */
  beat: number
  /** Whether a catch-up was asked for in this status interval. */
  askedToCatchUp: boolean
  /** Whether the proposer of this attempt has said that it tries merges, and the status intervals that it was given. */
  proposerSearches: boolean
  searchTicks: number
  /** In step `serve`: whether everybody has announced the last certificate. */
  lingering: boolean
}

export type StepTimer = 'propose' | 'prevote' | 'precommit'

export interface Outcome {
  state: RoundState
  effects: Effect[]
}
