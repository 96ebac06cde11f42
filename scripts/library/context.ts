/** The side of a call that is not its request: how it is stopped, heard, and answered. */
import type { PeerEvent } from '../../peers/round/events.ts'

/** An event that a call tells while it works. */
export type CoppiceEvent =
  /** The work at hand. Of the whole call: the share that is done, and seconds that are left; null: no forecast yet. */
  | { type: 'progress'; text: string; share: number | null; secondsLeft: number | null }
  /** Lines that the command would print. */
  | { type: 'message'; text: string }
  /** Events of a peer, of found, join and resume alone. */
  | PeerEvent

export interface CallContext {
  /**
   * Stops the call, which then rejects with the signal's reason. Work that can be continued later finishes the block
   * or step at hand first.
   */
  signal?: AbortSignal
  /** Called for each event, at once. It must not throw. */
  onEvent?(event: CoppiceEvent): void
}

/** A question that a site must answer before it sends or signs anything. */
export interface Asked {
  /** The question, in one line. */
  text: string
  /**
   * Everything that a person reads before the answer: the plan in words, the data that will leave this site, and once
   * all are here the members with their peer ids.
   */
  shown: string[]
}

/** Answers a question. The signal aborts when the answer is not needed any more. */
export type Question = (asked: Asked, signal: AbortSignal) => boolean | Promise<boolean>

export interface SiteContext extends CallContext {
  /**
   * Answers the questions of this site; `true` takes part and signs unasked. A no ends the federation for all, with
   * REFUSED_DECLINED.
   */
  agree: true | Question
}
