import { keptByOffer } from '../../../peers/kept/find.ts'
import { join as joinFederation } from '../../../peers/peer.ts'
import type { Offer } from '../../../protocols/plan/offer.ts'
import { peerIdText } from '../../../protocols/plan/site-name.ts'
import { NetworkError, UsageError } from '../../../src/base/errors.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { type BaseModel, readModel } from '../../common/base-model.ts'
import { baseFacts } from '../../common/block-matrices.ts'
import { apartFrom, notCopied } from '../../common/companions.ts'
import { FoundingTalk, hereText } from '../../common/site/founding.ts'
import { assertSameModel, goOn } from '../../common/site/going-on.ts'
import { prepare } from '../../common/site/prepare.ts'
import { openSite, peerInit, planText } from '../../common/site/site.ts'
import { SiteEnd } from '../../common/site/site-end.ts'
import { asKept } from '../../common/site/site-note.ts'
import { SiteWork } from '../../common/site/site-work.ts'
import { withModel } from '../../hub/given.ts'
import { LivePage } from '../../live/live-page.ts'
import { SiteWatch } from '../../live/site-watch.ts'
import { type Watch, watched } from '../../operate/watched.ts'
import { windowFor } from '../../options/site.ts'
import { assertCanAsk } from '../../options/yes.ts'
import type { MemberReport } from '../../report/federation.ts'
import { machineReport } from '../../report/machine.ts'
import type { JoinOptions } from './options.ts'

export function join(options: JoinOptions, run: Run): Promise<MemberReport> {
  assertCanAsk(options, run.terminal)
  return watched('join', options.watch, run, (watch) => joinOrGoOn(options, run, watch))
}

async function joinOrGoOn(given: JoinOptions, run: Run, watch: Watch): Promise<MemberReport> {
  await using site = await openSite(given, run, (data) => keptByOffer(data, given.invitation.offer))
  await using live = await LivePage.open(given.page, run.terminal)
  const options = await withModel(site.kept === null ? given : asKept(given, site.kept), run)
  if (site.kept !== null) return await goOn(options, site, site.kept, { run, watch, live })
  await using engine = openEngine({ apart: apartFrom(options), meter: run.meter.jobs })
  watch.measure(engine)
  await using own = new SiteWork()
  const work = { ...run, engine }
  const model = await readModel(work, options.model)
  const machine = await machineReport(engine)
  const page = new SiteWatch(live, machine, peerIdText(site.own.peer))
  live.announce()
  const left = await notCopied(work, model.dir)
  const talk = new FoundingTalk({
    run,
    role: 'joiner',
    own: site.own,
    ledger: site.data.textLedger,
    data: options.data,
    yes: options.yes,
  })
  const end = new SiteEnd({ work, model, options, site: own, own: site.own, machine, live })
  try {
    const joined = joinFederation({
      ...peerInit(options, site, { run, watch, page, talk, end, terms: null }),
      invitation: options.invitation,
      async prepare({ offer }, sites) {
        assertFits(options, offer, model)
        const { calibration, maker } = await prepare({ work, model, own, end }, options, offer)
        talk.brings(calibration)
        const base = await baseFacts(work, model, offer.method)
        talk.show(`${planText(offer, options.capacity, base)}\n${hereText(sites, offer.members)}`)
        await talk.accept()
        return { site: site.own.site, capacity: options.capacity ?? offer.sample, work: maker }
      },
    })
    const report = await end.after(joined)
    own.done()
    if (left !== null) run.terminal.note(left)
    return report
  } catch (error) {
    // Without the offer nobody knows whether a text is needed; it most likely is.
    if (error instanceof NetworkError && options.texts.length === 0) throw textMissing(error)
    throw talk.ended(error)
  }
}

/**
 * Checks, before anything is sent, that this site can take part in the plan.
 * @throws {RefusedError} REFUSED_MODEL: this site has another model
 * @throws {UsageError} USAGE_MISSING: the plan needs a text; WINDOW_FIXED, WINDOW_LONG: its window is one that the
 * model does not take
 */
export function assertFits({ texts, model: dir }: JoinOptions, offer: Offer, own: BaseModel): void {
  const { method, window } = offer
  assertSameModel(dir, offer, own)
  if (texts.length === 0 && method.pruner !== 'magnitude') throw textMissing()
  windowFor(window, own.description)
}

function textMissing(cause?: unknown): UsageError {
  return new UsageError({
    code: 'USAGE_MISSING',
    what: '--text is missing, coppice join needs it unless the plan prunes by magnitude',
    hint: 'Give --text one or more .txt or .jsonl files.',
    cause,
  })
}
