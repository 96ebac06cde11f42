/** What `coppice peer` does: makes an offer of the options, founds, takes part. */
import { EngineWork } from '../../peers/engine-work.ts'
import { found } from '../../peers/peer.ts'
import { asModelName } from '../../protocols/offer.ts'
import { Engine } from '../../src/engine/engine.ts'
import { methodFor } from '../options/plan.ts'
import { windowFor } from '../options/site.ts'
import { assertCanAsk } from '../options/yes.ts'
import type { Run } from '../program.ts'
import type { MemberReport } from '../report/federation.ts'
import { draining } from '../terminal/interruption.ts'
import { Terminal } from '../terminal/terminal.ts'
import { FoundingTalk } from '../work/founding.ts'
import { calibration, conclude, openSite, peerInit, planText, readModel, structuredOf } from '../work/site.ts'
import { SiteScratch } from '../work/site-scratch.ts'
import type { PeerOptions } from './index.ts'

export async function peer(options: PeerOptions, run: Run): Promise<MemberReport> {
  const { terminal, signal } = run
  assertCanAsk(options, terminal)
  await using site = await openSite(options, run)
  await using engine = new Engine()
  await using scratch = new SiteScratch()
  // With --json the line to paste is the first on stderr, so what comes before it is not said.
  const reading = { signal, engine, terminal: terminal.json ? Terminal.silent() : terminal }
  const { dir, description, hash } = await readModel(reading, options.model)
  const { name, parameters, blocks, maxWindow } = description
  const { plan, members, windows, capacity } = options
  const window = windowFor(options.window, maxWindow)
  const tokens = await calibration(reading, dir, options, windows, window)
  const method = methodFor(plan.method, blocks)
  const structured = await structuredOf(reading, dir, method)
  const offer = {
    ...plan,
    method,
    model: { name: asModelName(name), hash, parameters, blocks },
    windows,
    window,
    members,
  }
  const talk = new FoundingTalk({ run, role: 'founder', own: site.own, yes: options.yes })
  const { onEvent, ...init } = peerInit(options, site, { run, talk })
  const work = async (directory: string) =>
    new EngineWork({
      engine,
      model: dir,
      description,
      method,
      structured,
      windows: tokens,
      scratch: await scratch.in(directory, { modelHash: hash, method, windows: tokens }),
      modelHash: hash,
      onDrain: () => terminal.note(draining(structured === null ? 'block' : 'step')),
    })
  const result = await found({
    ...init,
    onEvent(event) {
      onEvent?.(event)
      if (event.type === 'invitation') talk.show(planText(offer, capacity))
    },
    offer,
    site: site.own.site,
    capacity: capacity ?? plan.sample,
    work,
  }).catch((error) => {
    throw talk.ended(error)
  })
  scratch.done()
  return conclude(run, result, options.embedded ? null : dir)
}
