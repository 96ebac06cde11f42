/** Opens the engine with this project's jobs. */
import { extname } from 'node:path'
import { Engine, type JobMeter } from '../engine/engine.ts'
import type { WorkerSettings } from './bench.ts'
import type { JobEvent } from './job.ts'
import type { Jobs } from './jobs.ts'
import { LANES } from './lanes.ts'

export type JobEngine = Engine<Jobs, JobEvent>

/** The most threads of one ONNX Runtime operator. More gain little on models of this size. */
const THREADS = 2

const PROGRAM = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)

interface OpenInit extends Partial<Pick<WorkerSettings, 'apart'>> {
  /** Watches every job. */
  meter?: JobMeter<Jobs>
}

/** Opens an engine. Each worker starts with its first job. */
export function openEngine({ apart = [], meter }: OpenInit = {}): JobEngine {
  const settings: WorkerSettings = { threads: THREADS, apart }
  return new Engine({ program: PROGRAM, lanes: LANES, settings, meter })
}
