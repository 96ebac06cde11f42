/**
 * Coppice as a library. A call takes the options of the command of its name, and resolves to the report that this
 * command prints with --json: docs/reference/library.md. What a refused call throws is a CoppiceError, with a code of
 * docs/reference/errors.md.
 *
 * @example
 * import { evaluate, prune } from 'coppice'
 *
 * const { sparsity } = await prune({ text: ['mine.txt'], pruner: 'wanda', sparsity: 0.5, out: 'pruned' })
 * const { texts } = await evaluate({ model: 'pruned', text: ['test.txt'] })
 */
import '../../src/runtime/no-telemetry.ts'

export type { PeerEvent } from '../../peers/round/events.ts'
export type { Verified } from '../../peers/verify/directory.ts'
export {
  CoppiceError,
  DivergedError,
  InputError,
  NetworkError,
  NoAgreementError,
  OutputError,
  RefusedError,
  UsageError,
} from '../../src/base/errors.ts'
export type { EvaluateReport } from '../commands/evaluate/index.ts'
export type { FederationReport, MemberReport } from '../report/federation.ts'
export type { PruneReport } from '../report/prune-report.ts'
export type { Asked, CallContext, CoppiceEvent, Question, SiteContext } from './context.ts'
export { evaluate, found, join, prune, resume, simulate, verify } from './functions.ts'
export type {
  EvaluateRequest,
  FoundRequest,
  JoinRequest,
  PruneRequest,
  ResumeRequest,
  SimulateRequest,
  VerifyRequest,
} from './requests.ts'
