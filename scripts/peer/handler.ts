/** What `coppice peer` does: makes an offer of the options, founds, takes part. */
import { assertPlace } from '../../peers/directories.ts'
import { EngineWork } from '../../peers/engine-work.ts'
import { found } from '../../peers/peer.ts'
import { Engine } from '../../src/engine/engine.ts'
import { methodFor } from '../options/plan.ts'
import { windowFor } from '../options/site.ts'
import type { Run } from '../program.ts'
import type { MemberReport } from '../report/federation.ts'
import { draining } from '../terminal/interruption.ts'
import { Terminal } from '../terminal/terminal.ts'
import { narrator, peerInit, placeOf, planText, readModel, siteName, structuredOf } from '../work/site.ts'
import { SiteEnd } from '../work/site-end.ts'
import { SiteScratch } from '../work/site-scratch.ts'
import { siteText } from '../work/site-text.ts'
import type { PeerOptions } from './index.ts'

export async function peer(options: PeerOptions, run: Run): Promise<MemberReport> {
  const { terminal, signal } = run
  await assertPlace(placeOf(options)) // before models are read
  await using engine = new Engine()
  await using scratch = await SiteScratch.open(placeOf(options))
  // With --json the line to paste is the first on stderr, so what comes before it is not said.
  const work = { signal, engine, terminal: terminal.json ? Terminal.silent() : terminal }
  const model = await readModel(work, options.model)
  const { dir, description, hash } = model
  const { name, parameters, blocks, maxWindow } = description
  const end = new SiteEnd({ work: { ...work, terminal }, model, options, scratch: scratch.path })
  const { plan, members, windows, capacity } = options
  const window = windowFor(options.window, maxWindow)
  const text = await siteText(work, options, { windows, window, longest: maxWindow })
  end.brings(text)
  const method = methodFor(plan.method, blocks)
  const structured = await structuredOf(work, dir, method)
  const offer = { ...plan, method, model: { name, hash, parameters, blocks }, windows, window, members }
  const narrate = narrator(terminal)
  const founded = found({
    ...peerInit(options, run, (event) => {
      narrate(event)
      end.hear(event)
      if (event.type === 'invitation') terminal.say(planText(offer, capacity))
    }),
    offer,
    site: siteName(),
    capacity: capacity ?? plan.sample,
    work: new EngineWork({
      engine,
      model: dir,
      description,
      method,
      structured,
      windows: text.calibration,
      scratch: scratch.path,
      modelHash: scratch.outlasts ? hash : null,
      onDrain: () => terminal.note(draining(structured === null ? 'block' : 'step')),
    }),
  })
  const report = await end.after(founded)
  scratch.done()
  return report
}
