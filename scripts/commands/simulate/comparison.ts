/** Collects the perplexities of a simulation as they are measured, and prints them as a table. */
import { mergedFiles } from '../../../peers/work/engine-work.ts'
import { isStructuredMethod, type Method } from '../../../src/form/method.ts'
import type { BlockFile } from '../../../src/jobs/block-files.ts'
import { joinedWindows } from '../../../src/model/text/text.ts'
import { type Alone, evaluateAll, fedavg, isolated, isolatedRounds, type LoneSite } from '../../common/baselines.ts'
import type { EngineRun } from '../../common/engine.ts'
import type { EvaluatedText } from '../../common/perplexities.ts'
import { predictions } from '../../common/texts.ts'
import type { LivePage } from '../../live/live-page.ts'
import type { PerplexityReport, ReportedRound } from '../../report/federation.ts'
import { perplexityTable } from '../../report/federation-table.ts'
import { leavesModel, roundInWords } from '../../report/rounds.ts'
import type { BesideL0 } from './beside-l0.ts'
import type { FederationOutcome, FollowedRound, SimulatedSite } from './federation.ts'
import type { SimulateOptions } from './options.ts'

interface ComparisonInit {
  work: EngineRun
  options: SimulateOptions
  /** The plan's method. */
  method: Method
  /** SHA-256 of the base model. */
  hash: Uint8Array
  sites: readonly SimulatedSite[]
  evaluated: readonly EvaluatedText[]
  /** Directory for the models of sites alone. */
  scratch: string
  /** Decoder blocks of the model. */
  blocks: number
  /** The rounds of the federation, at most. */
  rounds: number
  live: Pick<LivePage, 'touch'>
}

export class Comparison {
  private readonly init: ComparisonInit
  private rounds: ReportedRound[] = []
  /** One value a text. */
  private dense: number[] = []
  /** One array a peer, with one value a text; null: not run. */
  private alone: number[][] | null = null
  /** The same after the first of several rounds; only if structures are removed. */
  private aloneFirst: number[][] | null = null
  /** One value a text; null: not run. */
  private votes: number[] | null = null
  /** One value a text; null: not run. */
  private average: number[] | null = null
  /** One value a text; null: not run. */
  private pooled: number[] | null = null
  /** One array a round, with one value a text. */
  private readonly after: number[][] = []
  private merged: BlockFile[] = []

  constructor(init: ComparisonInit) {
    this.init = init
  }

  /** Measures the dense model, and each site alone. */
  async start(): Promise<void> {
    const { options, sites, work } = this.init
    this.dense = await this.evaluate([], 'Evaluating the dense model')
    if (options.baselines.includes('isolated')) {
      work.terminal.stage('Each site prunes alone')
      const byRound: number[][][] = []
      for (const site of sites) byRound.push(await this.evaluateAlone(site, `${site.name} alone`))
      this.alone = byRound.map((rounds) => rounds[rounds.length - 1])
      if (byRound.some((rounds) => rounds.length > 1)) this.aloneFirst = byRound.map(([first]) => first)
    }
    this.show()
  }

  /** One array a round (one round, unless structures are removed), with one value a text. */
  private async evaluateAlone(site: LoneSite, words: string): Promise<number[][]> {
    const { work, options, method, hash, blocks, scratch } = this.init
    const alone: Alone = { work, dir: options.model, hash, blocks, rounds: options.plan.rounds, scratch }
    const label = `Evaluating ${words}`
    if (!isStructuredMethod(method)) return [await this.evaluate(await isolated(alone, method, site), label)]
    const rounds: number[][] = []
    for await (const weights of isolatedRounds(alone, method, site)) rounds.push(await this.evaluate(weights, label))
    return rounds
  }

  /** Measures the model after a round. The last round's table is printed only after the other baselines. */
  async add({ certified, report, merged }: FollowedRound): Promise<void> {
    const { options, rounds, work } = this.init
    if (certified.masked !== null) work.terminal.note(roundInWords(certified, options.plan, rounds))
    this.rounds.push(report)
    this.merged = mergedFiles(merged, this.init.method)
    const isUnchanged = leavesModel(report, options.plan.merge)
    const before = this.after.at(-1) ?? this.dense
    this.after.push(isUnchanged ? before : await this.evaluate(this.merged, `Evaluating round ${report.round}`))
    if (!isUnchanged && report.round < rounds) this.show()
  }

  /** Measures the federation beside this one, and the averages of its contributions. */
  async addL0({ merged, contributions }: BesideL0): Promise<void> {
    this.votes = await this.evaluate(merged, 'Evaluating l0')
    await this.addAverage(contributions, merged)
    this.show()
  }

  private async addAverage(contributions: ReadonlyMap<number, string[]>, merged: BlockFile[]): Promise<void> {
    const { work, options, method, scratch } = this.init
    if (!options.baselines.includes('fedavg') || isStructuredMethod(method)) return
    const averaged = await fedavg(work, options.model, method, contributions, merged, scratch)
    this.average = await this.evaluate(averaged, 'Evaluating FedAvg')
  }

  async finish({ contributions, rounds }: FederationOutcome): Promise<void> {
    const { options } = this.init
    this.rounds = rounds
    if (this.votes === null) await this.addAverage(contributions, this.merged)
    if (options.baselines.includes('pooled-text')) this.pooled = await this.evaluatePooled()
    this.show()
  }

  /** One value a text: the model of a single site that had the calibration windows of all. */
  private async evaluatePooled(): Promise<number[]> {
    const windows = joinedWindows(this.init.sites.map((site) => site.windows))
    const rounds = await this.evaluateAlone({ name: 'One site with all text', windows }, 'all text in one place')
    return rounds[rounds.length - 1]
  }

  /** The rounds so far. */
  get reported(): readonly ReportedRound[] {
    return this.rounds
  }

  /** Empty before anything was measured. */
  perplexity(): PerplexityReport[] {
    if (this.dense.length === 0) return []
    return this.init.evaluated.map(({ name, windows }, text) => ({
      text: name,
      tokens: predictions(windows),
      windows: windows.count,
      window: windows.length,
      dense: this.dense[text],
      isolated: this.alone?.map((site) => site[text]) ?? null,
      ...(this.aloneFirst !== null && { isolatedFirst: this.aloneFirst.map((site) => site[text]) }),
      l0: this.votes?.[text] ?? null,
      fedavg: this.average?.[text] ?? null,
      pooledText: this.pooled?.[text] ?? null,
      rounds: this.after.map((round) => round[text]),
      federated: this.after.at(-1)?.[text] ?? this.dense[text],
    }))
  }

  private show(): void {
    const { live, work, evaluated, sites } = this.init
    live.touch()
    if (evaluated.length === 0) return
    const names = sites.map(({ name }) => ({ site: name }))
    const pools = this.init.options.plan.merge === 'pooled'
    let group = 0
    const rounds = this.rounds.map((round) => {
      const isPart = leavesModel(round, this.init.options.plan.merge)
      return { ...round, isPart, ...(pools && !isPart && { group: ++group }) }
    })
    work.terminal.say(`\n${perplexityTable(this.perplexity(), names, rounds)}\n`)
  }

  private evaluate(weights: BlockFile[], label: string): Promise<number[]> {
    const { work, options, evaluated } = this.init
    return evaluateAll(work, options.model, evaluated, weights, label)
  }
}
