/**
 * The directory in which a site's engine keeps the blocks that it prunes in a round. It lies in the directory of the
 * federation, so that a later run continues from it. That run may belong to another federation: a checkpoint of the
 * same inputs is taken over from there.
 */
import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { digest } from '../../../src/files/fingerprint.ts'
import type { Method } from '../../../src/form/method.ts'
import type { Windows } from '../../../src/form/windows.ts'
import { PRUNE_RECORD } from '../../../src/prune/run/prune-record.ts'

export interface ScratchInputs {
  /** SHA-256 of the base model. */
  modelHash: Uint8Array
  method: Method
  windows: Windows
}

/** The number of digits of the inputs' digest in the directory's name: 64 bits tell the inputs of one site apart. */
const NAME_DIGITS = 16

export class SiteScratch implements AsyncDisposable {
  private path: string | null = null
  private over = false;

  /**
   * The scratch directory of a federation. A checkpoint that an earlier federation of this site has left for the same
   * inputs is moved there. The directory itself is made by whoever writes to it.
   */
  async in(federation: string, { modelHash, method, windows }: ScratchInputs): Promise<string> {
    const { ids, count, length } = windows
    const inputs = digest('coppice/checkpoint/1', [modelHash, JSON.stringify([method, count, length]), ids])
    const name = `checkpoint-${inputs.slice(0, NAME_DIGITS)}`
    const path = join(federation, name)
    const siblings = (await readdir(dirname(federation))).map((id) => join(dirname(federation), id, name))
    const earlier = siblings.find((dir) => PRUNE_RECORD.liesIn(dir))
    if (!existsSync(path) && earlier !== undefined) await rename(earlier, path)
    this.path = path
    return path
  }

  /** Called after the last round: the checkpoint is not kept. */
  done(): void {
    this.over = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.path === null || (!this.over && PRUNE_RECORD.liesIn(this.path))) return
    await rm(this.path, { recursive: true, force: true })
  }
}
