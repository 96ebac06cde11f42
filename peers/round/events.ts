/** What a peer tells whoever runs it: enough for a progress display, a log and a report. */
import type { Plan } from '../../protocols/plan/plan.ts'
import type { SiteLabel } from '../../protocols/plan/site-name.ts'
import type { Step } from '../../protocols/round/messages/messages.ts'
import type { CommitEntry, ManifestEntry, Value } from '../../protocols/round/messages/value.ts'
import type { Traffic } from '../network/counted-tcp.ts'

type FoundingEvent =
  /** This peer listens, and passes the founding of others on. Best address first; empty where it only dials out. */
  | { type: 'listening'; addresses: string[] }
  /** The founder's line to paste. */
  | { type: 'invitation'; line: string }
  /** Who has joined so far, the founder first. */
  | { type: 'waiting'; sites: SiteLabel[]; members: number }
  /** Who has signed so far, as indices in the roster. */
  | { type: 'signing'; plan: Plan; signed: number[] }
  | { type: 'founded'; plan: Plan; planId: string; out: string }

export type RoundProgressEvent =
  | { type: 'neighbours'; connected: number; members: number }
  /** This peer has moved on. */
  | { type: 'step'; round: number; attempt: number; step: Step }
  | { type: 'prune'; round: number; done: number; total: number }
  /** Contributions of members that this peer holds and has checked in this round, its own among them. */
  | { type: 'contributions'; round: number; valid: number; known: number }
  /** A round has ended, and what it certifies is the model at this peer. */
  | { type: 'round'; round: RoundReport }
  /** Why something was done: for the log. */
  | { type: 'note'; text: string }
  /** This peer's contributions of a round are announced to the others. */
  | { type: 'announced'; round: number; list: readonly CommitEntry[] }
  /** The last certificate is taken over; the model is being written. */
  | { type: 'writing'; directory: string }
  /** All is written; others may still need something. `own`: what the last certificate names of this peer. */
  | { type: 'serving'; own: readonly ManifestEntry[] }

export type PeerEvent = FoundingEvent | RoundProgressEvent

/** A certified round at one peer. */
export interface RoundReport {
  round: number
  /** Id of the certificate. */
  certificate: string
  value: Value
  /** Entries of the manifest. */
  contributions: number
  /** Blocks that nobody has contributed. */
  uncovered: number[]
  /** Mask bits that moved since the certificate before, of how many. */
  moved: number
  bits: number
  /** Zeros in masks. */
  zeros: number
  /** What had gone over this peer's sockets by then. */
  traffic: Traffic
  /** Block -> file of the encoded MergedBlock; kept until the end only where `keepMerges` is set. */
  merged: ReadonlyMap<number, string>
}
