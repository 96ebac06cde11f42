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
import { blockMatrices } from '../work/block-matrices.ts'
import { apartFrom, notCopied } from '../work/companions.ts'
import {
  calibration,
  conclude,
  narrator,
  peerInit,
  placeOf,
  planText,
  readModel,
  siteName,
  structuredOf,
} from '../work/site.ts'
import { SiteScratch } from '../work/site-scratch.ts'
import type { PeerOptions } from './index.ts'

export async function peer(options: PeerOptions, run: Run): Promise<MemberReport> {
  const { terminal, signal } = run
  await assertPlace(placeOf(options)) // before models are read
  await using engine = new Engine({ apart: apartFrom(options) })
  await using scratch = await SiteScratch.open(placeOf(options))
  // With --json the line to paste is the first on stderr, so what comes before it is not said.
  const work = { signal, engine, terminal: terminal.json ? Terminal.silent() : terminal }
  const { dir, description, hash } = await readModel(work, options.model)
  const left = await notCopied(work, dir)
  const { name, parameters, blocks } = description
  const { plan, members, windows, capacity } = options
  const window = windowFor(options.window, description)
  const tokens = await calibration(work, dir, options, windows, window)
  const method = methodFor(plan.method, blocks)
  const structured = await structuredOf(work, dir, method)
  const matrices = await blockMatrices(work, { dir, description })
  const offer = { ...plan, method, model: { name, hash, parameters, blocks }, windows, window, members }
  const narrate = narrator(terminal)
  const own = new EngineWork({
    engine,
    model: dir,
    description,
    method,
    structured,
    windows: tokens,
    scratch: scratch.path,
    modelHash: scratch.outlasts ? hash : null,
    onDrain: () => terminal.note(draining(structured === null ? 'block' : 'step')),
  })
  const result = await found({
    ...peerInit(options, run, (event) => {
      narrate(event)
      if (event.type === 'invitation') terminal.say(planText(offer, capacity, matrices))
    }),
    offer,
    site: siteName(),
    capacity: capacity ?? plan.sample,
    work: own,
  })
  scratch.done()
  if (left !== null) terminal.note(left)
  return conclude(run, result, options.embedded ? null : dir, own)
}
