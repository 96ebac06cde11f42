/**
 * Perplexities of the dense model that an interrupted prune has measured: a resumed one does not measure them again.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readSealed, storeSealed } from '../../../src/files/sealed-record.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { Measured } from '../../../src/jobs/model/evaluate.ts'

const FILE = 'dense-perplexities.json'

export class DensePerplexities {
  private readonly path: string
  private readonly modelHash: Uint8Array
  /** Known perplexities, by a hash of model and windows. */
  private readonly known: Record<string, Measured>

  private constructor(path: string, modelHash: Uint8Array, known: Record<string, Measured>) {
    this.path = path
    this.modelHash = modelHash
    this.known = known
  }

  /** @param directory - the directory of the file; a damaged file counts as no measurements */
  static open(directory: string, modelHash: Uint8Array): DensePerplexities {
    const path = join(directory, FILE)
    return new DensePerplexities(path, modelHash, (readSealed(path) ?? {}) as Record<string, Measured>)
  }

  knows(windows: Windows): boolean {
    return this.known[this.keyOf(windows)] !== undefined
  }

  /**
   * Returns the known perplexity of these windows; otherwise measures it and keeps it.
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  async of(windows: Windows, measure: () => Promise<Measured>): Promise<Measured> {
    const key = this.keyOf(windows)
    const measured = this.known[key] ?? (await measure())
    this.known[key] = measured
    await storeSealed(this.path, this.known)
    return measured
  }

  private keyOf({ ids, count, length }: Windows): string {
    const { buffer, byteOffset, byteLength } = ids
    const hash = createHash('sha256').update(this.modelHash).update(`\0${count} ${length}\0`)
    return hash.update(new Uint8Array(buffer, byteOffset, byteLength)).digest('hex')
  }
}
