/** The line of progress while a federation holds its rounds: what this site does, or for whom it waits. */

import type { Whereabouts } from '../../peers/round/events.ts'
import { federationOf } from '../../peers/round/federation.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { shown } from '../../protocols/plan/site-name.ts'
import { openingOf } from '../../protocols/round/masked/phases.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { isStructuredMethod } from '../../src/form/method.ts'
import { kindOfOpening } from '../../src/merge/openings.ts'
import { WORK } from '../report/masked-sums.ts'
import { counted, timeLeft } from '../terminal/numbers.ts'
import { countedText } from './counted.ts'

/** The most sites whose names are in the line. */
const MOST_NAMES = 3

export class RoundLine {
  private readonly plan: Plan
  private readonly federation: Federation

  constructor(plan: Plan) {
    this.plan = plan
    this.federation = federationOf(plan)
  }

  /** "2 of 4 rounds · pruning · block 3 of 6". */
  working(round: number, done: number, total: number): string {
    const { doing, unit } = this.workOf(round)
    const text = this.inRound(round, doing)
    return total > 1 ? countedText(text, unit, done, total) : text
  }

  /** The unit that this site counts in a round: blocks, or steps of training. */
  unitOf(round: number): string {
    return this.workOf(round).unit
  }

  /** Those who are waited for now; null: this site works on its own part. @param now - milliseconds since 1970 */
  waiting({ standing, until }: Whereabouts, now: number): string | null {
    const { awaited, isRunningOut, isWorking, needed, round, sent } = standing
    if (isWorking || awaited.length === 0) return null
    const all = sent.length + awaited.length
    const have = `${sent.length} of ${all} have sent`
    const limit =
      until === null ? 'a quorum is here' : `a quorum is here; at most ${timeLeft((until - now) / 1000)} more`
    return `Waiting for ${this.names(awaited)} (${have}, ${isRunningOut ? limit : `${needed} are needed`}) · ${this.held(round)}`
  }

  /** The work after the contributions are here, or while they come; null: nothing that is worth a line. */
  deciding({ standing: { attempt, isWorking, round, step } }: Whereabouts): string | null {
    if (step === 'collect') return isWorking ? null : this.inRound(round, 'checking what the others have sent')
    const again = attempt === 0 ? '' : `, attempt ${attempt + 1}`
    if (step === 'propose') return this.inRound(round, `merging${again}`)
    return step === 'prevote' || step === 'precommit' ? this.inRound(round, `voting${again}`) : null
  }

  private names(members: readonly number[]): string {
    const names = members.slice(0, MOST_NAMES).map((member) => shown(this.plan.members[member].site))
    const more = members.length - names.length
    return `${names.join(', ')}${more > 0 ? ` and ${counted(more, 'more site')}` : ''}`
  }

  private inRound(round: number, doing: string): string {
    return `${this.held(round)} · ${doing}`
  }

  /** The rounds that are over. */
  private held(round: number): string {
    return `${round - 1} of ${counted(this.federation.rounds, 'round')}`
  }

  /** The verb for this site's work in a round, and the unit in which it is counted. */
  private workOf(round: number): { doing: string; unit: string } {
    const { federation, plan } = this
    const { method } = plan.offer
    if (federation.masked !== null) {
      const kind = kindOfOpening(plan.offer, openingOf(round))
      return { doing: WORK[kind][1], unit: kind === 'adapters' ? 'step' : 'block' }
    }
    if (!isStructuredMethod(method)) return { doing: 'pruning', unit: 'block' }
    return round === 1 ? { doing: 'measuring', unit: 'block' } : { doing: 'training', unit: 'step' }
  }
}
