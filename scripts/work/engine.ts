/** The engine as commands use it: each job with its place in the progress. */
import type { Engine } from '../../src/engine/engine.ts'
import type { JobEvent, JobName, Jobs, ModelDescription } from '../../src/engine/jobs.ts'
import type { Run } from '../program.ts'

export type BlockReport = Extract<JobEvent, { type: 'block' }>['report']

export interface Work extends Run {
  engine: Engine
}

/** Does a job under a label of the progress; `onBlock` hears of each pruned block. */
export async function labelled<Name extends JobName>(
  { engine, terminal, signal }: Work,
  label: string,
  name: Name,
  args: Jobs[Name]['args'],
  onBlock?: (report: BlockReport) => void,
): Promise<Jobs[Name]['result']> {
  terminal.progress(label)
  return engine.run(name, args, {
    signal,
    onEvent(event) {
      if (event.type === 'progress') terminal.progress(label, event.done, event.total)
      else onBlock?.(event.report)
    },
  })
}

export function describe(work: Work, dir: string): Promise<ModelDescription> {
  return labelled(work, 'Reading the model', 'describe', { dir })
}
