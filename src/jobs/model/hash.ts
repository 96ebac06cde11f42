/** The job of hashing a model: SHA-256 over graph, weights and tokenizer. */
import { modelHash } from '../../model/forward/hash.ts'
import type { Bench } from '../bench.ts'

export async function hash({ dir }: { dir: string }, bench: Bench): Promise<Uint8Array> {
  return modelHash(bench.open(dir))
}
