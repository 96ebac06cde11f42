/** Tells the plan of a command's work of each job of the engine: when it begins, how far it is, when it has ended. */
import type { JobMeter } from '../../src/engine/engine.ts'
import type { JobEvent } from '../../src/jobs/job.ts'
import type { Jobs } from '../../src/jobs/jobs.ts'
import { jobCost, type ModelSize } from './job-cost.ts'
import type { RunningWork, Work, WorkPlan } from './work-plan.ts'

export class Meter {
  private readonly plan: WorkPlan
  private model: ModelSize | null = null

  constructor(plan: WorkPlan) {
    this.plan = plan
  }

  /** From here on jobs are weighed by this model. */
  knows(model: ModelSize): void {
    this.model = model
  }

  /** Adds the work that is to come, weighed by the model. */
  expect(work: (model: ModelSize) => Iterable<Work>): void {
    if (this.model !== null) this.plan.expect(work(this.model))
  }

  /** For an engine. */
  readonly jobs: JobMeter<Jobs> = (job) => {
    const { model, plan } = this
    if (model === null) return undefined
    const work = jobCost(model, job)
    let running: RunningWork | null = null
    let isFirst = true
    return {
      begins: () => (running = plan.begin(work)),
      hears: (event) => {
        const count = event as JobEvent
        if (count.type !== 'progress') return
        const share = shareOf(work, count.done, count.total)
        // A count that begins above one goes on from an earlier run.
        if (isFirst && count.done > 1) running?.goesOnFrom(share)
        else running?.reach(share)
        isFirst = false
      },
      ends: () => running?.end(),
    }
  }
}

/** The share of a job's cost after some of its steps. */
function shareOf({ lastStep }: Work, done: number, total: number): number {
  if (done >= total) return 1
  return lastStep === undefined ? done / total : ((1 - lastStep) * done) / (total - 1)
}
