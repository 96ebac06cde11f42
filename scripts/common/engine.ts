/** The engine for commands: each job shows its progress. */

import type { JobEvent } from '../../src/jobs/job.ts'
import type { JobName, Jobs } from '../../src/jobs/jobs.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { JobEngine } from '../../src/jobs/open-engine.ts'
import { attemptModel } from '../../src/jobs/plain-runs.ts'
import type { Run } from '../command.ts'
import { jobText } from '../progress/counted.ts'
import { draining } from '../terminal/interruption.ts'

export type BlockReport = Extract<JobEvent, { type: 'block' }>['report']

export interface EngineRun extends Run {
  engine: JobEngine
}

/** Runs a job under a label of the progress. `onBlock` is called for each pruned block. */
export async function labelled<Name extends JobName>(
  { engine, terminal, signal }: EngineRun,
  label: string,
  name: Name,
  args: Jobs[Name]['args'],
  onBlock?: (report: BlockReport) => void,
): Promise<Jobs[Name]['result']> {
  terminal.progress(label)
  return engine.run(name, args, {
    signal,
    onEvent(event) {
      if (event.type === 'progress') terminal.step(jobText(label, name, event.done, event.total))
      else if (event.type === 'block') onBlock?.(event.report)
    },
  })
}

/** Runs a job that can be continued later. After a signal it finishes its current block or step, and then ends. */
export async function drained<Name extends JobName>(
  { engine, terminal, signal }: EngineRun,
  { label, unit }: { label: string; unit: 'block' | 'step' },
  name: Name,
  args: Jobs[Name]['args'],
  onEvent?: (event: JobEvent) => void,
): Promise<Jobs[Name]['result']> {
  let shown = label
  const onAbort = () => {
    shown = `Finishing the ${unit}`
    terminal.note(draining(unit))
    terminal.stage(shown)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  terminal.stage(shown)
  try {
    return await engine.run(name, args, {
      drain: signal,
      onEvent(event) {
        if (event.type === 'progress') terminal.step(jobText(shown, name, event.done, event.total))
        else onEvent?.(event)
      },
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The description of a model. @throws {InputError} as Decoder.open does */
export async function describe(work: EngineRun, dir: string): Promise<ModelDescription> {
  const description = await labelled(work, 'Reading the model', 'describe', { dir })
  work.meter.knows(description)
  return description
}

/**
 * Checks a model in plain ONNX Runtime. @throws {InputError} MODEL_REFUSED_BY_RUNTIME: the runtime cannot load or run
 * it
 */
export function assertRuns({ engine, terminal, signal }: EngineRun, dir: string): Promise<void> {
  terminal.progress('Trying the model in ONNX Runtime')
  return attemptModel(engine, dir, { signal })
}
