/**
 * The end of a federation at one site. After its model is written, it measures whether joining was worth it, while its
 * peer still serves the others, and reports. The model is complete by then, even if the rest fails.
 */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PeerResult } from '../../../peers/peer.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import { CONTRIBUTIONS_NAME, MODEL_NAME } from '../../../peers/round/output.ts'
import { blockFiles, type CertifiedShare, certifiedShare, certifying } from '../../../peers/work/certified-share.ts'
import type { EngineWork } from '../../../peers/work/engine-work.ts'
import { mergedKind } from '../../../peers/work/engine-work.ts'
import { memberOf, type Plan } from '../../../protocols/plan/plan.ts'
import type { SiteLabel } from '../../../protocols/plan/site-name.ts'
import type { ManifestEntry } from '../../../protocols/round/messages/value.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { CoppiceError } from '../../../src/base/errors.ts'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import { ALONE } from '../../../src/form/merging.ts'
import { isStructuredMethod } from '../../../src/form/method.ts'
import type { BlockFile } from '../../../src/jobs/block-files.ts'
import type { Run } from '../../command.ts'
import type { LivePage } from '../../live/live-page.ts'
import { VERSION } from '../../paths.ts'
import { memberWork } from '../../progress/federation-work.ts'
import { certifiedInWords } from '../../report/certified-share.ts'
import { type MemberReport, planReport } from '../../report/federation.ts'
import type { Page } from '../../report/html/page.ts'
import { prunedLayers } from '../../report/layers.ts'
import type { MachineReport } from '../../report/machine.ts'
import { sitePage } from '../../report/pictures/site-page.ts'
import type { SiteMeasures, SitePerplexity } from '../../report/site-report.ts'
import { siteReport, siteReportInWords } from '../../report/site-report.ts'
import { InterruptedError } from '../../terminal/interruption.ts'
import type { BaseModel } from '../base-model.ts'
import { type Alone, isolated, isolatedRounds } from '../baselines.ts'
import { outcomeInWords, outcomeOf } from '../block-matrices.ts'
import { type EngineRun, labelled } from '../engine.ts'
import { addToCard, federationFacts } from '../model-card.ts'
import { writePage, writeReport } from '../output-directory.ts'
import { perplexities } from '../perplexities.ts'
import { keptHint, type OwnPart } from './kept-hint.ts'
import { SERVING } from './narrator.ts'
import type { SiteText, SiteTextOptions } from './site-text.ts'
import type { SiteWork } from './site-work.ts'

interface SiteEndInit {
  work: EngineRun
  model: BaseModel
  options: Pick<SiteTextOptions, 'evaluation'> & { embedded: boolean; data: string }
  site: SiteWork
  /** This site. */
  own: SiteLabel
  machine: MachineReport
  live: LivePage
}

type Measured = Pick<SiteMeasures, 'perplexity' | 'notes'> & { certified: CertifiedShare | null }

const ALONE_UNKNOWN =
  'The result of this site alone is unknown: it pruned only some blocks, or its contributions are masked, or built on ' +
  'those of others. --alone measures it.'

export class SiteEnd {
  private readonly init: SiteEndInit
  private readonly elapsed = stopwatch()
  private text: SiteText | null = null
  private plan: Plan | null = null
  private out = ''
  /** The last certified manifest. */
  private entries: readonly ManifestEntry[] = []
  private measuring: Promise<Measured> | null = null
  private report: MemberReport | null = null
  /** The progress of this site's own part of the newest round. */
  private pruned: OwnPart | null = null

  constructor(init: SiteEndInit) {
    this.init = init
  }

  get peakMemoryBytes(): number {
    return this.init.work.engine.peakMemoryBytes
  }

  /** Takes the site's text: the part for measuring, and the part for calibration. */
  brings(text: SiteText): void {
    this.text = text
  }

  /** Takes an event of the peer. */
  hear(event: PeerEvent): void {
    if (event.type === 'founded' || event.type === 'goingOn') {
      this.plan = event.plan
      this.out = event.out
      this.expect(event.plan, event.type === 'goingOn' ? event.round : 1)
    } else if (event.type === 'prune') {
      this.pruned = event
    } else if (event.type === 'round') {
      this.pruned = null
      this.entries = event.round.value.entries
    } else if (event.type === 'serving') {
      this.measuring = this.measureAll(event.own)
      const serve = () => this.init.work.terminal.waiting(() => SERVING)
      this.measuring.then(serve, () => undefined) // whoever waits for it gets the rejection
    }
  }

  /** The work until the end, for the forecast. */
  private expect(plan: Plan, from: number): void {
    const { own, work } = this.init
    const { text } = this
    if (text === null) return
    const member = memberOf(plan, own.peer)?.index ?? 0
    work.meter.expect((model) => memberWork(model, plan, member, text, from))
  }

  /** Waits for the measurement, and reports. Only then the federation is finished here: see PeerInit. */
  async conclude(result: PeerResult): Promise<void> {
    const { live, machine, work, model, options, site } = this.init
    const base = options.embedded ? null : model.dir
    let measured: Measured = { perplexity: null, notes: [], certified: null }
    let failure: unknown
    try {
      measured = (await this.measuring) ?? measured
    } catch (error) {
      failure = error
      if (error instanceof CoppiceError) measured.notes.push(`Nothing was measured: ${error.message} (${error.code}).`)
    }
    const { certified, ...texts } = measured
    const measures = { ...texts, seconds: this.elapsed(), peakMemoryBytes: work.engine.peakMemoryBytes }
    if (this.plan === null) throw new Error('a federation ended without a plan')
    const plan = planReport(result.planId, this.plan.offer, toHex)
    const { report, page } = await conclude(work, result, base, site.founded.work, {
      measures,
      certified,
      plan,
      machine,
    })
    this.report = report
    if (page !== null) await live.end(page)
    if (failure !== undefined && !(failure instanceof CoppiceError)) throw failure
  }

  /** Waits for the peer, and returns its report. */
  async after(running: Promise<PeerResult>): Promise<MemberReport> {
    try {
      await running
    } catch (error) {
      throw this.withHint(error)
    }
    if (this.report === null) throw new Error('a federation ended without a report')
    return this.report
  }

  private withHint(error: unknown): unknown {
    if (!(error instanceof InterruptedError) || this.plan === null) return error
    if (this.measuring === null) {
      return error.withHint(keptHint(this.plan, this.pruned, this.init.options.data))
    }
    return error.withHint(
      `The model is complete, in ${join(this.out, MODEL_NAME)}. Only measuring it and serving the others was left to do: the same command does it.`,
    )
  }

  private async measureAll(own: readonly ManifestEntry[]): Promise<Measured> {
    return { certified: await this.certified(), ...(await this.measure(own)) }
  }

  private async certified(): Promise<CertifiedShare | null> {
    const { work, model } = this.init
    if (this.plan === null) return null
    const contributions = blockFiles(this.entries, model.description.blocks, join(this.out, CONTRIBUTIONS_NAME))
    const { engine, signal } = work
    return await certifiedShare({ ...model, engine, signal, ...certifying(this.plan.offer), contributions })
  }

  private async measure(own: readonly ManifestEntry[]): Promise<Omit<Measured, 'certified'>> {
    const { work, model, options } = this.init
    const { text } = this
    if (options.evaluation === null) return { perplexity: null, notes: ['Nothing was measured: --no-eval.'] }
    if (text === null || text.evaluated.length === 0)
      return {
        perplexity: null,
        notes: ['Nothing was measured: this site has no text. Give --eval a text to measure on.'],
      }
    const texts = text.evaluated
    work.terminal.stage('Measuring what joining has brought')
    const base = await perplexities(work, { dir: model.dir, kind: 'base', texts })
    await work.engine.rest() // two models at once in memory would bring nothing
    const together = await perplexities(work, { dir: join(this.out, MODEL_NAME), kind: 'common', texts })
    await work.engine.rest()
    const weights = await this.weightsAlone(own)
    const alone = weights && (await perplexities(work, { dir: model.dir, kind: "site's own", texts, weights }))
    const measured = texts.map(
      ({ name, windows }, i): SitePerplexity => ({
        text: name,
        tokens: base[i].tokens,
        windows: windows.count,
        window: windows.length,
        base: base[i].perplexity,
        alone: alone?.[i].perplexity ?? null,
        together: together[i].perplexity,
      }),
    )
    return { perplexity: measured, notes: alone === null ? [ALONE_UNKNOWN] : [] }
  }

  /**
   * The weights of the model that this site would have alone; null if they are not known, and not asked for with
   * --alone.
   */
  private async weightsAlone(own: readonly ManifestEntry[]): Promise<BlockFile[] | null> {
    if (this.isAlone(own)) return this.fromContributions(own)
    const { work, model, options } = this.init
    const { scratch } = this.init.site.founded
    const { plan, text } = this
    if (!options.evaluation?.alone || plan === null || text === null) return null
    const { method, rounds } = plan.offer
    const alone: Alone = { work, dir: model.dir, hash: model.hash, blocks: model.description.blocks, rounds, scratch }
    const site = { name: 'This site', windows: text.calibration }
    if (!isStructuredMethod(method)) return isolated(alone, method, site)
    let weights: BlockFile[] = []
    for await (const after of isolatedRounds(alone, method, site)) weights = after
    return weights
  }

  /**
   * Whether this site's contributions in the last certificate are a whole model in which no other site had a part. They
   * are all blocks of one round, in which text flowed through this site's own blocks. If structures are removed, it
   * must be the first round, since adapters of later rounds begin with those of all sites.
   */
  private isAlone(own: readonly ManifestEntry[]): boolean {
    const rounds = new Set(own.map(({ round }) => round))
    if (own.length < this.init.model.description.blocks || rounds.size !== 1) return false
    return this.plan !== null && (!isStructuredMethod(this.plan.offer.method) || rounds.has(1))
  }

  /** The model of this site, merged from its own contributions alone. */
  private async fromContributions(own: readonly ManifestEntry[]): Promise<BlockFile[] | null> {
    const { work, model, site } = this.init
    const { scratch } = site.founded
    const method = this.plan?.offer.method
    if (method === undefined) return null
    const folder = join(scratch, 'alone')
    await mkdir(folder, { recursive: true })
    const files: BlockFile[] = []
    for (const { block, root } of own) {
      const out = join(folder, String(block))
      const paths = [join(this.out, CONTRIBUTIONS_NAME, root)]
      await labelled(work, 'Merging the contributions of this site', 'merge', {
        dir: model.dir,
        method,
        block,
        paths,
        merging: ALONE,
        out,
        previous: null,
      })
      files.push({ block, kind: mergedKind(method), path: out })
    }
    return files
  }
}

/** Writes report.json and report.html, and prints the places of all results. */
async function conclude(
  { terminal }: Run,
  outcome: PeerResult,
  base: string | null,
  { description, method, written, ownFits }: EngineWork,
  { measures, ...known }: { measures: SiteMeasures } & Pick<MemberReport, 'certified' | 'plan' | 'machine'>,
): Promise<{ report: MemberReport; page: Page | null }> {
  const { planId, peerId, root, certificates, last, out } = outcome
  if (written === undefined) throw new Error('a federation ended without a model')
  const result = outcomeOf(description, method, { last, written: written.zeros })
  const site = siteReport(outcome, measures)
  const { certified } = known
  const report: MemberReport = {
    coppice: VERSION,
    federation: planId,
    peer: peerId,
    root,
    certificates,
    ...result,
    ...known,
    ...(isStructuredMethod(method)
      ? { layers: null, errorOf: null }
      : prunedLayers(description, written.zeros, outcome.fits, [ownFits])),
    out,
    ...site,
  }
  await addToCard(join(out, MODEL_NAME), {
    facts: [
      outcomeInWords(result, isStructuredMethod(method)),
      ...federationFacts(known.plan, { root, rounds: certificates.length, sites: site.members.length }),
    ],
    models: ['base', 'this model'],
    texts: (site.perplexity ?? []).map(({ base, together, ...text }) => ({ ...text, values: [base, together] })),
  })
  await writeReport(out, report)
  const view = { ...report, now: 'All sites ended with the same model.', end: report }
  const page = await writePage({ terminal }, out, () => sitePage(view))
  const verify = `npx --no-install coppice verify ${out}${base === null ? '' : ` --model ${base}`}`
  const lines = [
    ...siteReportInWords(site, measures.notes),
    `The sites agreed on this model: ${root}`,
    outcomeInWords(result, isStructuredMethod(method)),
    ...certifiedInWords(certified),
    `Model: ${join(out, 'model')}`,
    `Verify: ${verify}`,
  ]
  terminal.say(lines.join('\n'))
  return { report, page }
}
