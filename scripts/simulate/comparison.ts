/** Perplexities of a simulation as they become known, and the table of them. */
import { mergedFiles } from '../../peers/engine-work.ts'
import type { BlockFile } from '../../src/engine/jobs.ts'
import type { PerplexityReport, RoundReport } from '../report/federation.ts'
import { perplexityTable } from '../report/federation-table.ts'
import type { Work } from '../work/engine.ts'
import { predictions } from '../work/texts.ts'
import { evaluateAll, fedavg, isolated } from './baselines.ts'
import type { CertifiedRound, FederationOutcome, SimulatedSite } from './federation.ts'
import type { SimulateOptions } from './index.ts'
import type { EvaluatedText } from './sites.ts'

export interface ComparisonInit {
  work: Work
  options: SimulateOptions
  sites: readonly SimulatedSite[]
  evaluated: readonly EvaluatedText[]
  /** For the models of sites alone. */
  scratch: string
  /** Decoder blocks of the model. */
  blocks: number
}

export class Comparison {
  private readonly init: ComparisonInit
  private rounds: RoundReport[] = []
  /** By text. */
  private dense: number[] = []
  /** By peer, then text; null: not run. */
  private alone: number[][] | null = null
  /** By text; null: not run. */
  private average: number[] | null = null
  /** By round, then text. */
  private readonly after: number[][] = []
  private merged: BlockFile[] = []

  constructor(init: ComparisonInit) {
    this.init = init
  }

  /** Dense, and each site alone. */
  async start(): Promise<void> {
    const { work, options, sites, blocks, scratch } = this.init
    this.dense = await this.evaluate([], 'Evaluating the dense model')
    if (options.baselines.includes('isolated')) {
      const alone: number[][] = []
      for (const site of sites) {
        const weights = await isolated(work, options, site, blocks, scratch)
        alone.push(await this.evaluate(weights, `Evaluating ${site.name} alone`))
      }
      this.alone = alone
    }
    this.show()
  }

  /** After a round. The last round's table waits for FedAvg. */
  async add({ report, merged }: CertifiedRound): Promise<void> {
    this.rounds.push(report)
    this.merged = mergedFiles(merged)
    this.after.push(await this.evaluate(this.merged, `Evaluating round ${report.round}`))
    if (report.round < this.init.options.plan.rounds) this.show()
  }

  async finish({ contributions, rounds }: FederationOutcome): Promise<void> {
    const { work, options, scratch } = this.init
    this.rounds = rounds
    if (options.baselines.includes('fedavg')) {
      const averaged = await fedavg(work, options, contributions, this.merged, scratch)
      this.average = await this.evaluate(averaged, 'Evaluating FedAvg')
    }
    this.show()
  }

  perplexity(): PerplexityReport[] {
    return this.init.evaluated.map(({ name, windows }, text) => ({
      text: name,
      tokens: predictions(windows),
      windows: windows.count,
      window: windows.length,
      dense: this.dense[text],
      isolated: this.alone?.map((site) => site[text]) ?? null,
      fedavg: this.average?.[text] ?? null,
      rounds: this.after.map((round) => round[text]),
      federated: this.after.at(-1)?.[text] ?? this.dense[text],
    }))
  }

  private show(): void {
    const { work, evaluated, sites } = this.init
    if (evaluated.length === 0) return
    const names = sites.map(({ name }) => ({ site: name }))
    work.terminal.say(`\n${perplexityTable(this.perplexity(), names, this.rounds)}\n`)
  }

  private evaluate(weights: BlockFile[], label: string): Promise<number[]> {
    const { work, options, evaluated } = this.init
    return evaluateAll(work, options.model, evaluated, weights, label)
  }
}
