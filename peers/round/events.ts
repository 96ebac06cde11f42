/** The events that a peer reports to its caller, for a progress display, a log and a report. */
import type { Plan } from '../../protocols/plan/plan.ts'
import type { SiteLabel } from '../../protocols/plan/site-name.ts'
import type { CertifiedRound } from '../../protocols/round/messages/certified-round.ts'
import type { Step } from '../../protocols/round/messages/messages.ts'
import type { CommitEntry, ManifestEntry, Value } from '../../protocols/round/messages/value.ts'
import type { Standing } from '../../protocols/round/standing.ts'
import type { BlockFit } from '../../src/form/block-fit.ts'
import type { Traffic } from '../network/counted-tcp.ts'

type FoundingEvent =
  /** The founder's address does not answer, or cuts connections off; it is tried for so long. */
  | { type: 'retrying'; address: string; patienceMs: number }
  /**
   * This peer listens, and passes on the founding of others. The best address is first; the list is empty if the peer
   * only dials out.
   */
  | { type: 'listening'; addresses: string[] }
  /** The founder's line to paste. */
  | { type: 'invitation'; line: string }
  /** The sites that have joined so far, the founder first. */
  | { type: 'waiting'; sites: SiteLabel[]; members: number }
  /** The members that have signed so far, as indices in the roster. */
  | { type: 'signing'; plan: Plan; signed: number[] }
  | { type: 'founded'; plan: Plan; planId: string; out: string }
  /** An earlier run has founded it or joined it. `round`: the one that is held now. */
  | { type: 'goingOn'; plan: Plan; planId: string; out: string; round: number }

/** Where a round stands at a peer. */
export interface Whereabouts {
  standing: Standing
  /** When the wait for the others ends, in milliseconds since 1970; null: it has no end yet. */
  until: number | null
}
/** News of a member (an index in the roster), itself included, that this peer hears for the first time. */
export type NewsEvent =
  /** It is done with its work of a round. */
  | { type: 'sent'; member: number; round: number }
  /** The bytes of all that it offers in a round: its commit list is here. */
  | { type: 'offers'; member: number; round: number; bytes: number }
  /** It proposes a value. */
  | { type: 'proposed'; member: number; round: number; attempt: number }

export type RoundProgressEvent =
  | NewsEvent
  /** The journal of an earlier run is not whole, for this reason: nothing is signed up to a round. */
  | { type: 'abstains'; refused: string; until: number }
  | { type: 'neighbours'; connected: number; members: number }
  /** This peer is in another step or attempt. */
  | { type: 'step'; round: number; attempt: number; step: Step }
  | { type: 'prune'; round: number; done: number; total: number }
  /** Who has sent, or who is waited for, has changed. `look`: where the round stands whenever it is called. */
  | { type: 'standing'; look(): Whereabouts }
  /** Contributions of members that this peer holds and has checked in this round, its own among them. */
  | { type: 'contributions'; round: number; valid: number; known: number }
  /**
   * A contribution that the last certificate names is damaged or gone here, after a restart. It is asked of everybody
   * who is connected. `author`: index in the roster.
   */
  | { type: 'lacks'; certificate: string; author: number; block: number; id: string }
  /** A round has ended, and this peer has the certified model. */
  | { type: 'round'; round: RoundReport }
  /** The reason for an action, for the log. */
  | { type: 'note'; text: string }
  /** Another peer does what no honest one would, or no peer of this federation; or a link fails in a way of its own. */
  | { type: 'warning'; text: string }
  /** This peer's contributions of a round are announced to the others. */
  | { type: 'announced'; round: number; list: readonly CommitEntry[] }
  /** The last certificate is adopted, and the model is being written. */
  | { type: 'writing'; directory: string }
  /**
   * All files are written, but others may still need something. `own`: the entries of this peer in the last
   * certificate.
   */
  | { type: 'serving'; own: readonly ManifestEntry[] }

export type PeerEvent = FoundingEvent | RoundProgressEvent

/** A certified round at one peer, as far as it is remembered after the next one. */
export interface RoundSummary extends CertifiedRound {
  /** The number of zeros in the masks. */
  zeros: number
  /** The bytes over this process's sockets until then. */
  traffic: Traffic
}

/** A certified round when it is taken over. Value and files grow with members and blocks. */
export interface RoundReport extends RoundSummary {
  value: Value
  /** Block -> file of the encoded MergedBlock; kept until the end only where `keepMerges` is set. */
  merged: ReadonlyMap<number, string>
  /** Block -> figures of its merge, for reports. */
  fits: ReadonlyMap<number, BlockFit>
}
