/** The work of `coppice simulate`: each site alone, then all together, round by round, with a table after each. */
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { federationOf } from '../../../peers/round/federation.ts'
import { MODEL_NAME } from '../../../peers/round/output.ts'
import { certifiedShare, certifying } from '../../../peers/work/certified-share.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import { id8, toHex } from '../../../protocols/wire/encoding.ts'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import { isStructuredMethod, type Method } from '../../../src/form/method.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { readModel, structuredOf } from '../../common/base-model.ts'
import { baseFacts, outcomeInWords } from '../../common/block-matrices.ts'
import { apartFrom, notCopied } from '../../common/companions.ts'
import type { EngineRun } from '../../common/engine.ts'
import { addToCard, federationFacts } from '../../common/model-card.ts'
import { OutputDirectory, writePage, writeReport } from '../../common/output-directory.ts'
import { LivePage } from '../../live/live-page.ts'
import { planFor } from '../../options/plan.ts'
import { VERSION } from '../../paths.ts'
import { type FederationReport, planReport } from '../../report/federation.ts'
import { prunedLayers } from '../../report/layers.ts'
import { machineReport } from '../../report/machine.ts'
import { federationPage } from '../../report/pictures/federation-page.ts'
import { type BesideL0, besideL0 } from './beside-l0.ts'
import { Comparison } from './comparison.ts'
import { expectedWork } from './expected-work.ts'
import { type FederationOutcome, foundSimulated } from './federation.ts'
import type { SimulateOptions } from './options.ts'
import { prepareSites } from './sites.ts'
import { closing, introduction, whichTexts } from './words.ts'

/**
 * All sites share one heap. By itself V8 lets it grow to about three times what is needed; 1.6 times are as fast (64
 * sites: 28 full collections, 1.5 s of 176 s of processor time), and take 0.8 GB instead of 1.2.
 */
const HEAP_GROWTH_PERCENT = 60

export async function simulate(given: SimulateOptions, run: Run): Promise<FederationReport> {
  const elapsed = stopwatch()
  const { terminal } = run
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
  await using output = given.out === null ? await OutputDirectory.unnamed() : await OutputDirectory.reserve(given.out)
  await using engine = openEngine({ apart: apartFrom(given), meter: run.meter.jobs })
  const work: EngineRun = { ...run, engine }
  await using live = await LivePage.open(given.page, terminal)
  live.announce()
  const { description, hash } = await readModel(work, given.model)
  const options = { ...given, plan: planFor(given.plan, description.blocks) }
  const { method } = options.plan
  const machine = await machineReport(engine)
  const left = await notCopied(work, options.model)
  const { window, sites, evaluated } = await prepareSites(work, options, description)
  const base = await baseFacts(work, { dir: options.model, description }, method)
  const structured = await structuredOf(work, options.model, method)
  terminal.progress('Founding the federation')
  const { staging, scratch } = output
  const founding = { work, options, method, structured, window, description, hash, sites, out: staging, scratch }
  await using federation = await foundSimulated(founding)
  const { plan } = federation
  if (options.out === null) await output.claim(id8(plan.id))
  terminal.say(introduction(planInWords(plan.offer, undefined, base), method))

  run.meter.expect((model) => expectedWork(model, { options, method, plan, sites, evaluated }))
  const comparison = new Comparison({
    work,
    options,
    method,
    hash,
    sites,
    evaluated,
    scratch,
    blocks: description.blocks,
    rounds: federationOf(plan).rounds,
    live,
  })
  const reported = planReport(toHex(plan.id), plan.offer, toHex)
  const evaluatedOn = `Perplexity is on ${whichTexts(options)}.`
  const view = { coppice: VERSION, plan: reported, evaluated: evaluatedOn, machine }
  live.show(() =>
    federationPage({
      ...view,
      peers: federation.members,
      rounds: comparison.reported,
      perplexity: comparison.perplexity(),
      times: federation.times(),
      end: null,
    }),
  )
  await comparison.start()
  let votes: BesideL0['fits'] = new Map()
  if (options.baselines.includes('l0')) {
    await besideL0(founding, async (result) => {
      votes = result.fits
      await comparison.addL0(result)
    })
  }
  const outcome = await federation.run({
    onProgress(text) {
      live.touch()
      terminal.progress(text)
    },
    onRound: (round) => comparison.add(round),
  })
  await comparison.finish(outcome)
  const { contributions } = outcome
  const share = {
    engine,
    dir: options.model,
    description,
    ...certifying(plan.offer),
    contributions,
    signal: run.signal,
  }
  const certified = await certifiedShare(share)
  const { peers, rounds, root, sparsity, zeros, weights } = outcome
  const report: FederationReport = {
    ...view,
    ...layersOf(description, method, outcome, votes),
    peers,
    rounds,
    result: { root, sparsity, zeros, weights, model: join(output.path, MODEL_NAME) },
    certified,
    perplexity: comparison.perplexity(),
    times: federation.times(),
    seconds: elapsed(),
    peakMemoryBytes: engine.peakMemoryBytes,
  }
  await addToCard(join(staging, MODEL_NAME), {
    facts: [
      outcomeInWords(report.result, isStructuredMethod(method)),
      'A simulation: all sites were on one machine.',
      ...federationFacts(reported, { root, rounds: rounds.length, sites: peers.length }),
    ],
    models: ['base', 'this model'],
    texts: report.perplexity.map(({ dense, federated, ...text }) => ({ ...text, values: [dense, federated] })),
  })
  await writeReport(staging, report)
  const page = await writePage(run, staging, () => federationPage({ ...report, end: report }))
  await output.commit()
  if (page !== null) await live.end(page)
  terminal.say(closing(report, outcome.difference, output.path, options))
  if (left !== null) terminal.note(left)
  return report
}

/** Masks that nobody may see cannot agree visibly: then those of the comparison by votes stand for them. */
function layersOf(
  description: ModelDescription,
  method: Method,
  { fits, own, written }: FederationOutcome,
  votes: BesideL0['fits'],
): Pick<FederationReport, 'layers' | 'errorOf' | 'agreementOf'> {
  if (isStructuredMethod(method)) return { layers: null, errorOf: null, agreementOf: null }
  const pruned = prunedLayers(description, written, fits, own)
  if (pruned.layers.some(({ agreement }) => agreement !== null)) return { ...pruned, agreementOf: 'plan' }
  if (votes.size === 0) return { ...pruned, agreementOf: null }
  const voted = prunedLayers(description, written, votes, [])
  const layers = pruned.layers.map((layer, i) => ({ ...layer, agreement: voted.layers[i].agreement }))
  return { ...pruned, layers, agreementOf: 'l0' }
}
