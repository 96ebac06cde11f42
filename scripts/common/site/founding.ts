/**
 * The founding as a person sees it: the sites that are here, the questions before this site signs, and the way it
 * ended.
 */

import type { TextLedger } from '../../../peers/kept/text-ledger.ts'
import type { PeerInit } from '../../../peers/peer.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import { ASKED_SIGNING_TIMEOUT_MS } from '../../../protocols/founding/constants.ts'
import { declinedHere } from '../../../protocols/founding/index.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { type SiteLabel, shown, siteInWords } from '../../../protocols/plan/site-name.ts'
import { composed } from '../../../protocols/stream/composed.ts'
import { equalBytes, toHex } from '../../../protocols/wire/encoding.ts'
import { NoAgreementError } from '../../../src/base/errors.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { Run } from '../../command.ts'
import type { YesOptions } from '../../options/yes.ts'
import { InterruptedError } from '../../terminal/interruption.ts'
import { counted } from '../../terminal/numbers.ts'
import { earlierSumsText } from './earlier-sums.ts'
import { framedInvitation, whereInvitationIs } from './invitation-text.ts'
import { rosterText } from './roster.ts'

/** The progress of this site. */
type Stage = 'preparing' | 'waiting' | 'asked' | 'signed' | 'founded'

interface FoundingTalkInit extends YesOptions {
  run: Pick<Run, 'terminal' | 'signal'>
  role: 'founder' | 'joiner'
  /** This site. */
  own: SiteLabel
  /** The sums that texts of this site were in. */
  ledger: TextLedger
  /** The data directory. */
  data: string
}

export class FoundingTalk {
  private readonly init: FoundingTalkInit
  private readonly here = new Map<string, SiteLabel>()
  private stage: Stage = 'preparing'
  private calibration: Windows | null = null
  /** The founder's line, until it has been shown. */
  private line: string | null = null

  constructor(init: FoundingTalkInit) {
    this.init = init
  }

  /** Takes the windows of this site's text, before it signs. */
  brings(calibration: Windows): void {
    this.calibration = calibration
  }

  /** Shows the text that a question is about. It goes where the question is, to stderr, if there will be one. */
  show(text: string): void {
    const { terminal } = this.init.run
    if (this.init.yes) terminal.say(text)
    else terminal.note(text)
  }

  /**
   * Asks the person before this site sends anything about itself.
   * @throws {RefusedError} REFUSED_DECLINED: the person does not want to take part
   * @throws {NoAgreementError} NO_AGREEMENT_UNANSWERED
   */
  async accept(): Promise<void> {
    if (this.init.yes) return
    const { run, own } = this.init
    using deadline = systemClock.deadline(ASKED_SIGNING_TIMEOUT_MS)
    using signal = composed(run.signal, deadline.signal)
    const question = { text: `Take part as ${shown(own.site)}?`, yes: 'Yes', no: 'No, nothing is sent' }
    try {
      if (!(await run.terminal.ask(question, signal.signal))) throw declinedHere(false)
    } catch (error) {
      throw deadline.signal.aborted ? unanswered() : error
    }
  }

  /** The question of a peer before it signs; null if nothing is asked (--yes). */
  get agree(): PeerInit['agree'] {
    return this.init.yes ? null : (plan, signal) => this.sign(plan, signal)
  }

  private async sign(plan: Plan, signal: AbortSignal): Promise<boolean> {
    const { run, own } = this.init
    this.stage = 'asked'
    const earlier = this.earlierSums(plan)
    run.terminal.note([rosterText(plan, own.peer), ...earlier].join('\n'))
    const text = `Sign the plan ${earlier.length === 0 ? '' : 'all the same '}as ${shown(own.site)}?`
    const question = { text, yes: 'Yes', no: 'No, the founding ends for all' }
    const isAgreed = await run.terminal.ask(question, signal)
    if (isAgreed) this.stage = 'signed'
    return isAgreed
  }

  /** Whose part this plan would show, if that is to be said. */
  private earlierSums(plan: Plan): string[] {
    const told = this.calibration && earlierSumsText(this.init.ledger, plan, this.calibration)
    return told === null ? [] : [told]
  }

  onEvent(event: PeerEvent): void {
    const { run, own, yes } = this.init
    const { terminal } = run
    switch (event.type) {
      case 'invitation':
        this.line = event.line
        break
      case 'retrying':
        terminal.note(`${event.address} does not answer yet. Trying for ${event.patienceMs / 1000} s.`)
        break
      case 'waiting':
        this.tellWaiting(event.sites, event.members)
        break
      case 'signing': {
        const missing = event.plan.members.filter(({ index }) => !event.signed.includes(index))
        terminal.progress(signingText(missing, own))
        break
      }
      case 'founded':
        this.stage = 'founded'
        if (yes) terminal.note([rosterText(event.plan, own.peer), ...this.earlierSums(event.plan)].join('\n'))
        terminal.note(`All have signed. Federation ${event.planId}`)
    }
  }

  /** Prints the changes of the list of sites, which the peer reports again and again. */
  private tellWaiting(sites: readonly SiteLabel[], members: number): void {
    const { own, run } = this.init
    const { terminal } = run
    if (this.stage === 'preparing') this.stage = 'waiting'
    const now = new Map(sites.map((site) => [toHex(site.peer), site]))
    const come = [...now].filter(([peer]) => !this.here.has(peer))
    const gone = [...this.here].filter(([peer]) => !now.has(peer))
    this.here.clear()
    for (const [peer, site] of now) this.here.set(peer, site)
    if (come.length + gone.length === 0) return
    for (const [, site] of gone) terminal.note(`${siteInWords(site)} has left.`)
    for (const [, site] of come)
      terminal.note(`${siteInWords(site)} is here${equalBytes(site.peer, own.peer) ? ': this site' : ''}.`)
    const missing = members - now.size
    if (missing > 0 && !terminal.isWatched) terminal.say(`${waitingText(missing, now.size, members)}.`)
    this.invite(missing)
    if (missing > 0) terminal.waiting(() => waitingText(missing, now.size, members))
  }

  /** Shows the line to paste once, below all else, where somebody looks and nothing keeps it. */
  private invite(others: number): void {
    const { data, run } = this.init
    if (this.line === null) return
    run.terminal.say(run.terminal.isWatched ? framedInvitation(this.line, others) : whereInvitationIs(data))
    this.line = null
  }

  /** The error of a peer. If a person has stopped it, the error gets a hint that says what follows. */
  ended(error: unknown): unknown {
    const { role, run } = this.init
    const reason: unknown = run.signal.reason
    const hint = HINTS[role][this.stage]
    return run.signal.aborted && reason instanceof InterruptedError && hint !== null ? reason.withHint(hint) : error
  }
}

/** The sites that had joined when the offer was fetched, in words. */
export function hereText(sites: readonly SiteLabel[], members: number): string {
  return `Here so far: ${sites.map(siteInWords).join(', ')} (${sites.length} of ${members}).`
}

/** @param missing - the members that have not signed, as far as is known here */
function signingText(missing: readonly SiteLabel[], own: SiteLabel): string {
  const others = missing.filter(({ peer }) => !equalBytes(peer, own.peer))
  if (others.length > 0) return `Waiting for ${others.map(siteInWords).join(', ')} to sign`
  return missing.length > 0 ? 'All others have signed: signing the plan' : 'All have signed the plan'
}

function waitingText(missing: number, here: number, members: number): string {
  return `Waiting for ${counted(missing, 'more site')} (${here} of ${members} here)`
}

/** Hints after Ctrl-C. */
const HINTS: Record<FoundingTalkInit['role'], Record<Stage, string | null>> = {
  founder: {
    preparing: null,
    waiting: 'Only the invitation is lost. The same command makes a new one.',
    asked: 'This site has not signed, so there is no federation. The same command makes a new offer.',
    signed: 'The invitation is void, and there is no federation. The same command makes a new offer.',
    founded: null,
  },
  joiner: {
    preparing: 'Nothing of this site was sent. Paste the line again to be asked again.',
    waiting: 'The place of this site is free again. Paste the line again to take it.',
    asked: 'This site has not signed, so the founding ends for all.',
    signed: 'This site has signed. If all others sign too, they wait for it: paste the line again.',
    founded: null,
  },
}

function unanswered(): NoAgreementError {
  return new NoAgreementError({
    code: 'NO_AGREEMENT_UNANSWERED',
    what: `nobody answered for ${ASKED_SIGNING_TIMEOUT_MS / 60_000} minutes`,
    hint: 'Nothing of this site was sent. Paste the line again to be asked again, or give --yes.',
  })
}
