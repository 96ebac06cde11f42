/** A site's live page while its peer runs: made of the peer's events, and drawn only when somebody looks. */
import type { PeerEvent } from '../../peers/round/events.ts'
import { Timeline } from '../../peers/round/timeline.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { peerIdText, shown } from '../../protocols/plan/site-name.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { VERSION } from '../paths.ts'
import { planReport } from '../report/federation.ts'
import type { Page } from '../report/html/page.ts'
import type { MachineReport } from '../report/machine.ts'
import { sitePage } from '../report/pictures/site-page.ts'
import { timesReport } from '../report/times.ts'
import { counted } from '../terminal/numbers.ts'
import type { LivePage } from './live-page.ts'

export class SiteWatch {
  private readonly live: LivePage
  private readonly machine: MachineReport
  /** Peer id of this site. */
  private readonly peer: string
  private readonly timeline = new Timeline(Date.now)
  private plan: Plan | null = null
  private now = 'It is starting.'
  private isOver = false
  /** The round that is held, and what goes on in it; null: none is. */
  private round: { number: number; doing: string } | null = null

  constructor(live: LivePage, machine: MachineReport, peer: string) {
    this.live = live
    this.machine = machine
    this.peer = peer
    live.show(() => this.page())
  }

  /** Takes an event of the peer. */
  hear(event: PeerEvent): void {
    switch (event.type) {
      case 'waiting': {
        const { sites, members } = event
        this.now = `${sites.length} of ${counted(members, 'site')} are here: ${sites.map(({ site }) => shown(site)).join(', ')}.`
        break
      }
      case 'founded':
      case 'goingOn':
        this.plan = event.plan
        break
      case 'step':
        this.round = { number: event.round, doing: STEPS[event.step] }
        break
      case 'prune':
        this.round = { number: event.round, doing: `this site works, ${event.done} of ${event.total} blocks.` }
        break
      case 'writing':
        this.over('The model is being written.')
        break
      case 'serving':
        this.over('The model is written. This site serves the others until nobody needs it.')
        break
      case 'sent':
      case 'offers':
      case 'proposed':
      case 'round':
        break
      default:
        return
    }
    if (isTimed(event)) this.timeline.hear(event)
    this.live.touch()
  }

  private page(): Page {
    const { plan, machine, peer, timeline } = this
    if (plan === null) return { title: 'Founding a federation', lead: this.now, facts: [], sections: [], sources: [] }
    const members = plan.members.map(({ peer: id, site }) => ({ name: site, peer: peerIdText(id) }))
    const times = timeline.rounds()
    const self = members.findIndex((member) => member.peer === peer)
    return sitePage({
      coppice: VERSION,
      plan: planReport(toHex(plan.id), plan.offer, toHex),
      ...{ peer, members, machine },
      times: timesReport(times, [...members.keys()], new Map([[self, times]])),
      now: this.round === null || this.isOver ? this.now : this.inRound(this.round, members, times),
      end: null,
    })
  }

  /** All rounds are over: later steps tell nothing more. */
  private over(now: string): void {
    this.now = now
    this.isOver = true
  }

  /** The work of a round, who is done, and who is not. */
  private inRound(
    { number, doing }: { number: number; doing: string },
    members: readonly { name: string }[],
    times: ReturnType<Timeline['rounds']>,
  ): string {
    const done = times.find(({ round }) => round === number)?.sent ?? []
    const open = members.filter((_, at) => done.every(({ member }) => member !== at))
    const told = `Round ${number}: ${doing}`
    if (open.length === 0 || done.length === 0) return told
    return `${told} ${done.length} of ${members.length} sites are done; not yet: ${open.map(({ name }) => shown(name)).join(', ')}.`
  }
}

const STEPS = {
  collect: 'sites work, and send what they have.',
  propose: 'the result is proposed.',
  prevote: 'sites check the result, and vote.',
  precommit: 'sites confirm the result.',
  adopt: 'the result is taken over.',
  serve: 'all rounds are over.',
  stopped: 'this site has stopped.',
}

/** The events that a timeline hears. */
function isTimed(
  event: PeerEvent,
): event is Extract<PeerEvent, { type: 'step' | 'prune' | 'sent' | 'offers' | 'proposed' | 'round' }> {
  return ['step', 'prune', 'sent', 'offers', 'proposed', 'round'].includes(event.type)
}
