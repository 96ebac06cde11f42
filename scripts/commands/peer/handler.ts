import type { KeptFederation } from '../../../peers/kept/federation.ts'
import { keptFederations } from '../../../peers/kept/find.ts'
import { found } from '../../../peers/peer.ts'
import { asModelName } from '../../../protocols/plan/offer.ts'
import { peerIdText } from '../../../protocols/plan/site-name.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { readModel, structuredOf } from '../../common/base-model.ts'
import { baseFacts } from '../../common/block-matrices.ts'
import { apartFrom, notCopied } from '../../common/companions.ts'
import { FoundingTalk } from '../../common/site/founding.ts'
import { goOn } from '../../common/site/going-on.ts'
import { openSite, peerInit, planText } from '../../common/site/site.ts'
import { SiteEnd } from '../../common/site/site-end.ts'
import { asKept, isSameCommand, noteOf } from '../../common/site/site-note.ts'
import { siteText } from '../../common/site/site-text.ts'
import { SiteWork } from '../../common/site/site-work.ts'
import { withModel } from '../../hub/given.ts'
import { LivePage } from '../../live/live-page.ts'
import { SiteWatch } from '../../live/site-watch.ts'
import { type Watch, watched } from '../../operate/watched.ts'
import { planFor } from '../../options/plan.ts'
import { windowFor } from '../../options/site.ts'
import { assertCanAsk } from '../../options/yes.ts'
import type { MemberReport } from '../../report/federation.ts'
import { machineReport } from '../../report/machine.ts'
import { Terminal } from '../../terminal/terminal.ts'
import type { PeerOptions } from './options.ts'

export function peer(options: PeerOptions, run: Run): Promise<MemberReport> {
  assertCanAsk(options, run.terminal)
  return watched('peer', options.watch, run, (watch) => foundOrGoOn(options, run, watch))
}

async function foundOrGoOn(given: PeerOptions, run: Run, watch: Watch): Promise<MemberReport> {
  const { terminal } = run
  await using site = await openSite(given, run, async (data) => (given.anew ? null : foundedBy(data, given)))
  await using live = await LivePage.open(given.page, run.terminal)
  if (site.kept !== null) {
    const options = await withModel(asKept(given, site.kept), run)
    return await goOn(options, site, site.kept, { run, watch, live })
  }
  await using engine = openEngine({ apart: apartFrom(given), meter: run.meter.jobs })
  watch.measure(engine)
  await using own = new SiteWork()
  // With --json the line to paste is the first on stderr, so messages before it are not written.
  const reading = { ...run, engine, terminal: terminal.json ? Terminal.silent() : terminal }
  const options = await withModel(given, reading)
  const model = await readModel(reading, options.model)
  const machine = await machineReport(engine)
  const page = new SiteWatch(live, machine, peerIdText(site.own.peer))
  const { dir, description, hash } = model
  const left = await notCopied(reading, dir)
  const { name, parameters, blocks } = description
  const { members, windows, capacity } = options
  const plan = planFor(options.plan, blocks)
  const { method } = plan
  const window = windowFor(options.window, description)
  const text = await siteText(reading, options, { windows, window, limits: description })
  const structured = await structuredOf(reading, dir, method)
  const base = await baseFacts(reading, model, method)
  const offer = {
    ...plan,
    model: { name: asModelName(name), hash, parameters, blocks },
    windows,
    window,
    members,
  }
  const talk = new FoundingTalk({
    run,
    role: 'founder',
    own: site.own,
    ledger: site.data.textLedger,
    data: options.data,
    yes: options.yes,
  })
  talk.brings(text.calibration)
  const end = new SiteEnd({ work: { ...run, engine }, model, options, site: own, own: site.own, machine, live })
  end.brings(text)
  const { onEvent, ...init } = peerInit(options, site, { run, watch, page, talk, end, terms: options })
  talk.show(planText(offer, capacity, base))
  const founded = found({
    ...init,
    onEvent(event) {
      onEvent?.(event)
      if (event.type === 'invitation') live.announce()
    },
    offer,
    site: site.own.site,
    capacity: capacity ?? plan.sample,
    work: own.maker({ engine, model, terminal, offer, structured, windows: text.calibration }),
  }).catch((error) => {
    throw talk.ended(error)
  })
  const report = await end.after(founded)
  own.done()
  if (left !== null) terminal.note(left)
  return report
}

/** The newest unfinished federation that this very command has founded; null: there is none. */
async function foundedBy(data: string, options: PeerOptions): Promise<KeptFederation | null> {
  const fits = (kept: KeptFederation) => {
    const note = noteOf(kept)
    return !kept.facts.finished && note?.terms != null && isSameCommand(note, options, options)
  }
  return (await keptFederations(data)).find(fits) ?? null
}
