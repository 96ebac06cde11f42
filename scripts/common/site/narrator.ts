/** The rounds of a federation as a person at one site reads them; founding.ts tells its founding. */
import type { PeerEvent, Whereabouts } from '../../../peers/round/events.ts'
import { federationOf } from '../../../peers/round/federation.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { siteInWords } from '../../../protocols/plan/site-name.ts'
import type { Federation } from '../../../protocols/round/messages/value.ts'
import { id8 } from '../../../protocols/wire/encoding.ts'
import { partOfSlot } from '../../../src/merge/openings.ts'
import { blockOfSlot } from '../../../src/merge/slots.ts'
import { RoundLine } from '../../progress/round-line.ts'
import { PART_NAMES, roundInWords } from '../../report/rounds.ts'
import type { Terminal } from '../../terminal/terminal.ts'

export const SERVING = 'Serving the others until they are done'

interface Told {
  plan: Plan
  federation: Federation
  line: RoundLine
}

/** Prints a peer's rounds as lines and progress. @param now - milliseconds since 1970 */
export function narrator(terminal: Terminal, now: () => number = Date.now): (event: PeerEvent) => void {
  let told: Told | null = null
  let lacked = 0
  return (event) => {
    if (event.type === 'founded' || event.type === 'goingOn')
      told = { plan: event.plan, federation: federationOf(event.plan), line: new RoundLine(event.plan) }
    if (event.type === 'abstains') return tellAbstention(terminal, event) // before the federation is named
    if (told === null) return
    const { federation, line, plan } = told
    switch (event.type) {
      case 'goingOn':
        return terminal.note(`Federation ${id8(plan.id)}, round ${event.round} of ${federation.rounds}: going on`)
      case 'lacks':
        lacked++
        if (lacked > 1) return terminal.progress('Fetching contributions that are damaged or gone here')
        return terminal.note(lackInWords(told, event))
      case 'prune':
        return terminal.progress(line.working(event.round, event.done, event.total))
      case 'standing':
        return tellStanding(terminal, line, event.look, now)
      case 'round':
        return terminal.note(roundInWords(event.round, plan.offer, federation.rounds))
      case 'writing':
        return terminal.stage('Writing the model')
      case 'serving':
        return terminal.waiting(() => SERVING, true)
    }
  }
}

function tellStanding(terminal: Terminal, line: RoundLine, look: () => Whereabouts, now: () => number): void {
  const waiting = line.waiting(look(), now())
  const deciding = line.deciding(look())
  if (waiting !== null) terminal.waiting(() => line.waiting(look(), now()) ?? waiting)
  else if (deciding !== null) terminal.progress(deciding)
}

function tellAbstention(terminal: Terminal, { refused, until }: PeerEvent & { type: 'abstains' }): void {
  terminal.note(`The journal of what this site has signed is not whole: ${refused}.`)
  terminal.note(
    `It signs nothing in rounds up to ${until}, in which it may have signed before; the others decide them.`,
  )
}

function lackInWords({ federation, plan }: Told, event: PeerEvent & { type: 'lacks' }): string {
  const { author, block: slot, certificate, id } = event
  const part = federation.masked === null ? 'vector' : partOfSlot(federation.masked, slot)
  const what = part === 'vector' ? 'contribution' : PART_NAMES[part]
  const where = part === 'vector' ? ` to block ${blockOfSlot(slot, plan.offer.model.blocks)}` : ''
  return (
    `The ${what} ${id.slice(0, 8)} of ${siteInWords(plan.members[author])}${where} is damaged or gone here. Every ` +
    `member that has certificate ${certificate.slice(0, 8)} can give it: ` +
    'this site asks all that it reaches, and goes on when one answers.'
  )
}
