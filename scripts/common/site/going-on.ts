/** A site goes on with a federation that its data directory keeps: nothing is founded, and nobody is asked. */
import type { KeptFederation } from '../../../peers/kept/federation.ts'
import { resume } from '../../../peers/peer.ts'
import type { Offer } from '../../../protocols/plan/offer.ts'
import { peerIdText, shown } from '../../../protocols/plan/site-name.ts'
import { id8, toHex } from '../../../protocols/wire/encoding.ts'
import { RefusedError } from '../../../src/base/errors.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import type { LivePage } from '../../live/live-page.ts'
import { SiteWatch } from '../../live/site-watch.ts'
import type { Watch } from '../../operate/watched.ts'
import type { MemberReport } from '../../report/federation.ts'
import { machineReport } from '../../report/machine.ts'
import { type BaseModel, readModel } from '../base-model.ts'
import { apartFrom, notCopied } from '../companions.ts'
import { prepare } from './prepare.ts'
import { type OpenSite, peerInit } from './site.ts'
import { SiteEnd } from './site-end.ts'
import { noteOf, type SiteCommand } from './site-note.ts'
import { SiteWork } from './site-work.ts'

/**
 * @throws {RefusedError} REFUSED_FINISHED: there is nothing to go on with; REFUSED_MODEL: this site's model is another
 */
export async function goOn(
  command: SiteCommand & { data: string },
  site: OpenSite,
  kept: KeptFederation,
  { run, watch, live }: { run: Run; watch: Watch; live: LivePage },
): Promise<MemberReport> {
  const { offer } = kept.signed.plan
  if (kept.facts.finished) throw finished(kept)
  await using engine = openEngine({ apart: apartFrom({ ...command, out: kept.facts.out }), meter: run.meter.jobs })
  watch.measure(engine)
  await using own = new SiteWork()
  const work = { ...run, engine }
  const model = await readModel(work, command.model)
  assertSameModel(command.model, offer, model)
  const left = await notCopied(work, model.dir)
  const machine = await machineReport(engine)
  live.announce()
  const page = new SiteWatch(live, machine, peerIdText(site.own.peer))
  const end = new SiteEnd({ work, model, options: command, site: own, own: site.own, machine, live })
  const { maker } = await prepare({ work, model, own, end }, command, offer)
  const init = peerInit(command, site, { run, watch, page, talk: null, end, terms: noteOf(kept)?.terms ?? null })
  const report = await end.after(resume({ ...init, kept, work: maker }))
  own.done()
  if (left !== null) run.terminal.note(left)
  return report
}

/** @throws {RefusedError} REFUSED_MODEL: this site has another model than the plan */
export function assertSameModel(dir: string, { model }: Offer, own: BaseModel): void {
  const [wanted, found] = [toHex(model.hash), toHex(own.hash)]
  if (wanted === found) return
  throw new RefusedError({
    code: 'REFUSED_MODEL',
    what: `${dir} is not the model of the plan: hash ${found.slice(0, 8)}, the plan names ${wanted.slice(0, 8)}`,
    hint: `Give --model the very files of ${shown(model.name)} that the founder has; its hash is ${wanted}.`,
  })
}

function finished({ facts, signed }: KeptFederation): RefusedError {
  return new RefusedError({
    code: 'REFUSED_FINISHED',
    what: `federation ${id8(signed.plan.id)} is finished`,
    hint: `Its model was written to ${facts.out}. To prune once more, found another federation.`,
  })
}
