/**
 * Matrices whose statistics are added up over the members, openly or under streams, by the functions that the jobs of
 * a real model call.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImpossibleTotal, MergedBlockReport, MergeJob, PruneJob, Work } from '../../../../peers/work/work.ts'
import { storeFile } from '../../../../src/files/stored-file.ts'
import { pooledTotals } from '../../../../src/jobs/federation/contribution-files.ts'
import { openPooled } from '../../../../src/jobs/federation/masked-opening.ts'
import { pooledVector } from '../../../../src/jobs/federation/slot-vector.ts'
import { ImpossibleTotalError } from '../../../../src/merge/errors.ts'
import { addStreams, type StreamKey } from '../../../../src/merge/masked/streams.ts'
import { encodeMasked, maskedBytes, meanSquaresForm, readMasked } from '../../../../src/merge/masked/vector.ts'
import type { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { decodeContribution, encodeContribution } from '../../../../src/merge/masks/contribution.ts'
import { InvalidContributionError } from '../../../../src/merge/masks/validate.ts'
import { pooledStatistics } from '../../../../src/merge/pooled/pooled-block.ts'
import { BLOCKS } from '../../../support/federations.ts'
import { FORM, Matrices } from '../../../support/matrices.ts'

interface PooledInit {
  text: number
  members: number
  masked: boolean
  /** A directory of this site alone, which outlasts its processes. */
  scratch: string
}

export class PooledMatrices extends Matrices implements Work {
  private readonly init: PooledInit

  constructor(init: PooledInit) {
    super(BLOCKS, init.text)
    this.init = init
  }

  override maxContributionBytes(): number {
    return this.init.masked ? maskedBytes(meanSquaresForm(FORM)) : super.maxContributionBytes()
  }

  override async prune({ slots, signal, onBlock, onProgress }: PruneJob): Promise<void> {
    await mkdir(this.init.scratch, { recursive: true })
    for (const [done, block] of slots.entries()) {
      signal.throwIfAborted()
      const own = { inputs: this.statisticsOf(block) }
      const file = this.path('plain', block)
      await writeFile(file, encodeContribution(FORM, own))
      await this.mergeOf({ block, out: this.path('alone', block), previous: null }, [own])
      await onBlock(block, file)
      this.pruned.push(block)
      onProgress?.(done + 1, slots.length)
    }
  }

  override own(slot: number): string | null {
    return existsSync(this.path('plain', slot)) ? this.path('plain', slot) : null
  }

  override alone(slots: readonly number[]): ReadonlyMap<number, string> | null {
    return this.init.masked ? new Map(slots.map((slot) => [slot, this.path('alone', slot)])) : null
  }

  override async validate(slot: number, file: string): Promise<string | null> {
    const bytes = await readFile(file)
    try {
      if (this.init.masked) readMasked(this.vector(slot).form, bytes)
      else decodeContribution(FORM, 'statistics', bytes)
      return null
    } catch (error) {
      if (error instanceof InvalidContributionError) return `${error.reason}: ${error.message}`
      throw error
    }
  }

  async mask(slot: number, file: string, streams: StreamKey[], out: string): Promise<number> {
    const { form, ofPlain } = this.vector(slot)
    const vector = this.offered(ofPlain(file))
    addStreams(vector, slot, streams, 1)
    return (await storeFile(out, [encodeMasked(form, vector)])).bytes
  }

  async merge(job: MergeJob): Promise<MergedBlockReport | ImpossibleTotal> {
    const { members } = this.init
    const { block } = job
    const place = { block, blocks: this.blocks, members }
    try {
      const { totals, doubt } =
        'masked' in job
          ? openPooled(FORM, place, job.masked)
          : { totals: pooledTotals(FORM, job.files, members), doubt: null }
      return { ...(await this.mergeOf(job, [{ inputs: pooledStatistics(totals) }])), doubt }
    } catch (error) {
      if (error instanceof ImpossibleTotalError) return { impossible: `block ${block}, ${error.reason}` }
      throw error
    }
  }

  /** The vector that is masked in place of this one. */
  protected offered(vector: Wholes[]): Wholes[] {
    return vector
  }

  private vector(slot: number) {
    return pooledVector(FORM, slot, { blocks: this.blocks, members: this.init.members })
  }

  private path(name: string, slot: number): string {
    return join(this.init.scratch, `${name}-${slot}`)
  }
}
