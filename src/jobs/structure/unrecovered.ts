/** The job of counting the finished steps of an unfinished recovery. */
import { stepsDone } from '../../recover/checkpoint.ts'
import type { Bench } from '../bench.ts'
import { type RecoverArgs, recoveryFingerprint } from './recover-args.ts'

/** The finished steps of the recovery that these arguments ask for. @throws {OutputError} as stepsDone does */
export async function unrecovered(args: RecoverArgs, bench: Bench): Promise<number> {
  return stepsDone(args.out, recoveryFingerprint(bench.open(args.dir), args))
}
