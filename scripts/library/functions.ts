/** The functions of the library: each runs the command of its name. */
import type { Verified } from '../../peers/verify/directory.ts'
import type { EvaluateReport } from '../commands/evaluate/index.ts'
import type { FederationReport, MemberReport } from '../report/federation.ts'
import type { PruneReport } from '../report/prune-report.ts'
import { call } from './call.ts'
import type { CallContext, SiteContext } from './context.ts'
import type {
  EvaluateRequest,
  FoundRequest,
  JoinRequest,
  PruneRequest,
  ResumeRequest,
  SimulateRequest,
  VerifyRequest,
} from './requests.ts'

/**
 * Prunes a model on one text, without a federation, and writes it to `out`. Given again after a stop, it goes on.
 * @throws {UsageError | InputError | OutputError}
 */
export function prune(request: PruneRequest, context: CallContext = {}): Promise<PruneReport> {
  return call({ name: 'prune', request, context })
}

/** Measures the perplexity of a model on each of some texts. @throws {UsageError | InputError} */
export function evaluate(request: EvaluateRequest, context: CallContext = {}): Promise<EvaluateReport> {
  return call({ name: 'evaluate', request, context })
}

/**
 * Founds a federation and takes part in it until all members need nothing more. The event `invitation` has the line
 * that the others join with. Given again after a stop, it goes on.
 * @throws {CoppiceError} of any class
 */
export function found(request: FoundRequest, context: SiteContext): Promise<MemberReport> {
  return call({ name: 'peer', request, context })
}

/**
 * Takes part in the federation of an invitation. Given again after a stop, it goes on.
 * @param request - `invitation`: the line that the founder has passed on
 * @throws {CoppiceError} of any class
 */
export function join({ invitation, ...request }: JoinRequest, context: SiteContext): Promise<MemberReport> {
  return call({ name: 'join', argument: invitation, request, context })
}

/** Goes on with the unfinished federation of a data directory. @throws {CoppiceError} of any class */
export function resume({ federation, ...request }: ResumeRequest, context: CallContext = {}): Promise<MemberReport> {
  return call({ name: 'resume', argument: federation, request, context })
}

/**
 * Checks the results of a peer, offline.
 * @param request - `directory`: the results, as a peer has left them
 * @throws {DivergedError} VERIFY_FAILED @throws {UsageError | InputError}
 */
export function verify({ directory, ...request }: VerifyRequest, context: CallContext = {}): Promise<Verified> {
  return call({ name: 'verify', argument: directory, request, context })
}

/** Runs several sites on this machine, and compares what they make. @throws {CoppiceError} of any class */
export function simulate(request: SimulateRequest, context: CallContext = {}): Promise<FederationReport> {
  return call({ name: 'simulate', request, context })
}
