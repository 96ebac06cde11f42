/** The work of `coppice plan`: dials the founder, fetches the offer, shows it. */
import { look } from '../../../peers/network/look.ts'
import { peerIdText } from '../../../protocols/plan/site-name.ts'
import { type PlanInWords, planInWords } from '../../../protocols/plan/words.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { ppmToFraction } from '../../../src/base/decimal.ts'
import type { Run } from '../../command.ts'
import { hereText } from '../../common/site/founding.ts'
import { planText } from '../../common/site/site.ts'
import { type PlanReport, planReport } from '../../report/federation.ts'
import type { ShowPlanOptions } from './options.ts'

/** The shown plan. Shares are fractions, hashes hexadecimal. */
interface ShownPlan extends Omit<PlanReport, 'id'> {
  /** Hash of the offer, which the invitation holds. */
  offer: string
  /** Peer id. */
  founder: string
  members: number
  windows: number
  window: number
  untilChange: number | null
  /** The sites that have joined so far, the founder first. */
  sites: Array<{ peer: string; site: string }>
  words: PlanInWords
}

export async function plan({ invitation, proxy }: ShowPlanOptions, { terminal, signal }: Run): Promise<ShownPlan> {
  terminal.progress('Fetching the plan')
  const { offer: sealed, sites } = await look(invitation, proxy, signal)
  const { offer, hash } = sealed
  terminal.say(`${planText(offer, null)}\n${hereText(sites, offer.members)}`)
  const { founder, members, windows, window, untilChange } = offer
  const { id, ...report } = planReport(toHex(hash), offer, toHex)
  return {
    offer: id,
    founder: peerIdText(founder),
    ...report,
    members,
    windows,
    window,
    untilChange: untilChange === null ? null : ppmToFraction(untilChange),
    sites: sites.map(({ peer, site }) => ({ peer: peerIdText(peer), site })),
    words: planInWords(offer),
  }
}
