import type { Work } from '../../../peers/work/work.ts'
import { BLOCKS } from '../federations.ts'
import { MatrixWork } from '../matrices.ts'

/** Work that holds all members of a federation up where the test wants it. */
export class Held extends MatrixWork {
  readonly reached = Promise.withResolvers<void>()
  readonly gate = Promise.withResolvers<void>()
  private readonly at: 'prune' | 'writeModel'
  private rounds: number

  /** @param rounds - how many of these are let through before */
  constructor(text: number, at: 'prune' | 'writeModel', rounds = 0) {
    super(BLOCKS, text)
    this.at = at
    this.rounds = rounds
  }

  override async prune(job: Parameters<MatrixWork['prune']>[0]): Promise<void> {
    if (this.at === 'prune') await this.hold(job.signal)
    return await super.prune(job)
  }

  override async writeModel(...[merged, out, signal]: Parameters<Work['writeModel']>): Promise<void> {
    if (this.at === 'writeModel') await this.hold(signal)
    return await super.writeModel(merged, out, signal)
  }

  private async hold(signal: AbortSignal): Promise<void> {
    if (this.rounds-- > 0) return
    this.reached.resolve()
    const stopped = Promise.withResolvers<never>()
    signal.addEventListener('abort', () => stopped.reject(signal.reason))
    await Promise.race([this.gate.promise, stopped.promise])
  }
}
