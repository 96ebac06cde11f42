/** The queue of each job. This table is apart from the jobs, because importing them would load ONNX Runtime. */
import type { LaneName } from '../engine/engine.ts'
import type { JobName } from './jobs.ts'

export const LANES: Readonly<Record<JobName, LaneName>> = {
  describe: 'reading',
  hash: 'reading',
  zeros: 'reading',
  attempt: 'reading',
  leftBehind: 'reading',
  tokenise: 'reading',
  instructions: 'reading',
  unfinished: 'reading',
  unrecovered: 'reading',
  mixedInputs: 'compute',
  prune: 'compute',
  evaluate: 'compute',
  mark: 'compute',
  pace: 'compute',
  headPace: 'compute',
  structures: 'compute',
  shrink: 'compute',
  recover: 'compute',
  structuredForms: 'compute',
  contribute: 'compute',
  products: 'compute',
  mask: 'exact',
  validate: 'exact',
  merge: 'exact',
  certify: 'exact',
  fedavg: 'exact',
  compare: 'exact',
  write: 'writing',
}
