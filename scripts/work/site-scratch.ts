/**
 * Where a site's engine puts what it prunes in a round. In the data directory, so that a later run goes on with it; or,
 * where that has no name beforehand and no later run could name it, in a temporary directory.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Place } from '../../peers/directories.ts'
import { holdsCheckpoint } from '../../src/prune/record-file.ts'
import { TemporaryDirectory } from './temporary-directory.ts'

/** In the data directory. */
const SCRATCH_NAME = 'scratch'

export class SiteScratch implements AsyncDisposable {
  readonly path: string
  /** Whether a later run finds it. */
  readonly outlasts: boolean
  private over = false

  private constructor(path: string, outlasts: boolean) {
    this.path = path
    this.outlasts = outlasts
  }

  /** In a data directory it is made only by whoever writes to it. */
  static async open({ data }: Place): Promise<SiteScratch> {
    if (data !== undefined) return new SiteScratch(join(data, SCRATCH_NAME), true)
    return new SiteScratch((await TemporaryDirectory.make()).path, false)
  }

  /** The last round is over. */
  done(): void {
    this.over = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.over || !this.outlasts || !holdsCheckpoint(this.path))
      await rm(this.path, { recursive: true, force: true })
  }
}
