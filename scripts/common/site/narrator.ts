/** The rounds of a federation as a person at one site reads them; founding.ts tells its founding. */
import type { PeerEvent } from '../../../peers/round/events.ts'
import { federationOf } from '../../../peers/round/federation.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { siteInWords } from '../../../protocols/plan/site-name.ts'
import { openingOf, type Phase, phaseOf } from '../../../protocols/round/masked/phases.ts'
import type { Federation } from '../../../protocols/round/messages/value.ts'
import { id8 } from '../../../protocols/wire/encoding.ts'
import { kindOfOpening, partOfSlot } from '../../../src/merge/openings.ts'
import { blockOfSlot } from '../../../src/merge/slots.ts'
import { WORK } from '../../report/masked-sums.ts'
import { PART_NAMES, roundInWords } from '../../report/rounds.ts'
import type { Terminal } from '../../terminal/terminal.ts'

/** What a round collects. */
const COLLECTED: Record<Phase, string> = {
  open: 'contributions',
  keys: 'keys',
  sheets: 'key sheets',
  list: 'masked vectors',
  reveal: 'reveals',
}

interface Told {
  plan: Plan
  federation: Federation
}

/** Prints a peer's rounds as lines and progress. */
export function narrator(terminal: Terminal): (event: PeerEvent) => void {
  let told: Told | null = null
  let lacked = 0
  return (event) => {
    if (event.type === 'founded' || event.type === 'goingOn')
      told = { plan: event.plan, federation: federationOf(event.plan) }
    if (event.type === 'abstains') return tellAbstention(terminal, event) // before the federation is named
    if (told === null) return
    const { federation, plan } = told
    switch (event.type) {
      case 'goingOn':
        return terminal.note(`Federation ${id8(plan.id)}, round ${event.round} of ${federation.rounds}: going on`)
      case 'lacks':
        lacked++
        if (lacked > 1) return terminal.progress('Fetching contributions that are damaged or gone here')
        return terminal.note(lackInWords(told, event))
      case 'prune':
        return terminal.progress(`Round ${event.round}: ${doing(told, event.round)}`, event.done, event.total)
      case 'contributions': {
        const what = COLLECTED[phaseOf(federation, event.round)]
        return terminal.progress(`Round ${event.round}: ${what}`, event.valid, event.known)
      }
      case 'step':
        if (event.step === 'prevote' || event.step === 'precommit') terminal.progress(`Round ${event.round}: voting`)
        return
      case 'round':
        return terminal.note(roundInWords(event.round, plan.offer, federation.rounds))
      case 'writing':
        return terminal.progress('Writing the model')
      case 'serving':
        return terminal.progress('Serving the others until they are done')
    }
  }
}

function tellAbstention(terminal: Terminal, { refused, until }: PeerEvent & { type: 'abstains' }): void {
  terminal.note(`The journal of what this site has signed is not whole: ${refused}.`)
  terminal.note(
    `It signs nothing in rounds up to ${until}, in which it may have signed before; the others decide them.`,
  )
}

/** The verb for this site's work in a round. */
function doing({ federation, plan: { offer } }: Told, round: number): string {
  return federation.masked === null ? 'pruning' : WORK[kindOfOpening(offer, openingOf(round))][1]
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
