/**
 * Where a site's engine puts what it prunes in a round: in the directory of the federation, so that a later run goes on
 * with it. That run may be of another federation: a checkpoint of the same inputs is taken over from there.
 */
import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { digest } from '../../../src/files/fingerprint.ts'
import type { Method } from '../../../src/form/method.ts'
import type { TokenWindows } from '../../../src/jobs/jobs.ts'
import { holdsCheckpoint } from '../../../src/prune/run/record-file.ts'

export interface ScratchInputs {
  /** Of the base model. */
  modelHash: Uint8Array
  method: Method
  windows: TokenWindows
}

/** Of the digest of the inputs, in the name of the directory: 64 bits tell those of one site apart. */
const NAME_DIGITS = 16

export class SiteScratch implements AsyncDisposable {
  private path: string | null = null
  private over = false;

  /**
   * The scratch space in the directory of a federation, with what an earlier federation of this site has left of the
   * same inputs. It is made only by whoever writes to it.
   */
  async in(federation: string, { modelHash, method, windows }: ScratchInputs): Promise<string> {
    const { ids, count, length } = windows
    const inputs = digest('coppice/checkpoint/1', [modelHash, JSON.stringify([method, count, length]), ids])
    const name = `checkpoint-${inputs.slice(0, NAME_DIGITS)}`
    const path = join(federation, name)
    const siblings = (await readdir(dirname(federation))).map((id) => join(dirname(federation), id, name))
    const earlier = siblings.find(holdsCheckpoint)
    if (!existsSync(path) && earlier !== undefined) await rename(earlier, path)
    this.path = path
    return path
  }

  /** The last round is over. */
  done(): void {
    this.over = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.path === null || (!this.over && holdsCheckpoint(this.path))) return
    await rm(this.path, { recursive: true, force: true })
  }
}
