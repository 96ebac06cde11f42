/** The engine that does this project's jobs. */
import { extname } from 'node:path'
import { Engine } from '../engine/engine.ts'
import type { WorkerSettings } from './bench.ts'
import type { JobEvent } from './job.ts'
import type { Jobs } from './jobs.ts'
import { LANES } from './lanes.ts'

export type JobEngine = Engine<Jobs, JobEvent>

/** ONNX Runtime takes that many cores for an operator; more gain little on the models that this is for. */
const THREADS = 2

const PROGRAM = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

/** Its workers start with their first jobs. */
export function openEngine({ apart = [] }: Partial<Pick<WorkerSettings, 'apart'>> = {}): JobEngine {
  const settings: WorkerSettings = { threads: THREADS, apart }
  return new Engine({ program: PROGRAM, lanes: LANES, settings })
}
