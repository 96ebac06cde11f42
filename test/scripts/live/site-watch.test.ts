import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerEvent } from '../../../peers/round/events.ts'
import type { LivePage } from '../../../scripts/live/live-page.ts'
import { SiteWatch } from '../../../scripts/live/site-watch.ts'
import type { Page } from '../../../scripts/report/html/page.ts'
import { MACHINE } from '../../support/pages/reports.ts'
import { aPlan } from '../../support/people.ts'

test("a site's live page says what goes on, who is done, and who is not", () => {
  let view = (): Page => assert.fail('nothing is shown')
  let touched = 0
  const live = { show: (next: () => Page) => void (view = next), touch: () => void touched++ } as unknown as LivePage
  const { plan } = aPlan({ members: 4 })
  const watch = new SiteWatch(live, MACHINE, 'nobody')
  const lead = (event: PeerEvent) => {
    watch.hear(event)
    return view().lead
  }
  const [a, b, c, d] = plan.members.map(({ site }) => site)
  assert.match(lead({ type: 'waiting', sites: plan.members.slice(0, 1), members: 4 }), /^1 of 4 sites are here: /)
  watch.hear({ type: 'founded', plan, planId: 'ab', out: 'out' })
  assert.match(
    lead({ type: 'step', round: 1, attempt: 0, step: 'collect' }),
    /\. Round 1: sites work, and send what they have\.$/,
  )
  assert.match(lead({ type: 'prune', round: 1, done: 2, total: 6 }), /\. Round 1: this site works, 2 of 6 blocks\.$/)
  const waiting = lead({ type: 'sent', round: 1, member: 1 })
  assert.ok(waiting.endsWith(`1 of 4 sites are done; not yet: ${a}, ${c}, ${d}.`), `${waiting} (${b} is done)`)
  assert.match(lead({ type: 'writing', directory: 'out' }), /\. The model is being written\.$/)
  assert.match(lead({ type: 'step', round: 1, attempt: 0, step: 'serve' }), /being written\.$/)
  assert.deepEqual(
    view().sections.map(({ id }) => id),
    ['timeline'],
  )
  assert.ok(touched >= 6)
})
