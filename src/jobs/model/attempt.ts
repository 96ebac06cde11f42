/** The job of preparing a plain run of a model on a few tokens: see assertRuns. */
import { plainAttempt } from '../../model/write/write.ts'
import type { PlainAttempt } from '../../runtime/reference-run.ts'
import type { Bench } from '../bench.ts'

export async function attempt({ dir }: { dir: string }, bench: Bench): Promise<PlainAttempt> {
  return { ...plainAttempt(bench.open(dir)), threads: bench.threads }
}
