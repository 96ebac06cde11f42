/** A count of steps as the line of progress has it: the step that is being done. */
import type { JobName } from '../../src/jobs/jobs.ts'

/** The steps of the jobs that are worth counting. Others are shown by their label alone. */
const UNITS: Partial<Record<JobName, string>> = {
  prune: 'block',
  products: 'block',
  contribute: 'step',
  recover: 'step',
  shrink: 'candidate',
}

/** "Pruning", 2 of 6 done -> "Pruning · block 3 of 6". */
export function countedText(label: string, unit: string, done: number, total: number): string {
  return `${label} · ${unit} ${Math.min(done + 1, total)} of ${total}`
}

/** The same for a job, which decides the unit. */
export function jobText(label: string, job: JobName, done: number, total: number): string {
  const unit = UNITS[job]
  return unit === undefined || total === 1 ? label : countedText(label, unit, done, total)
}
