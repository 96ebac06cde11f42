/**
 * The checkpoint of a prune, from which an interrupted prune goes on: a directory with a file for each finished block,
 * the stream in front of the next one, and a record of both. The record is replaced last, so after any interruption it
 * names whole files of one moment.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { unwritable } from '../../base/system-errors.ts'
import type { Fingerprint } from '../../files/fingerprint.ts'
import { isIntact, type StoredFile } from '../../files/stored-file.ts'
import { spillStream, unspillStream } from '../../model/forward/spilled-stream.ts'
import type { Stream } from '../../model/forward/stream.ts'
import { type FinishedBlock, PRUNE_RECORD, type PruneProgress } from './prune-record.ts'
import type { PruneSeconds } from './sequential.ts'

/** The fate of another prune's checkpoint. */
export type OtherPrune = 'refuse' | 'replace'

/**
 * The number of finished blocks and their seconds, read without opening the blocks' files; null if there is no
 * checkpoint.
 * @throws {OutputError} OUTPUT_OTHER_PRUNE, OUTPUT_CHECKPOINT_DAMAGED
 */
export function peek(dir: string, fingerprint: Fingerprint): { blocks: number; seconds: PruneSeconds } | null {
  const progress = PRUNE_RECORD.read(dir, fingerprint)
  return progress && { blocks: progress.blocks.length, seconds: progress.seconds }
}

export class Checkpoint {
  private readonly dir: string
  private readonly fingerprint: Fingerprint
  private progress: PruneProgress

  private constructor(dir: string, fingerprint: Fingerprint, progress: PruneProgress | null) {
    this.dir = dir
    this.fingerprint = fingerprint
    this.progress = progress ?? { blocks: [], seconds: { forward: 0, statistics: 0, solve: 0 }, stream: null }
  }

  /**
   * Opens the checkpoint of this very prune, or an empty one if the directory holds none. Half-written files are
   * removed. The directory is the checkpoint's alone.
   * @param other - the fate of another prune's checkpoint
   * @throws {OutputError} OUTPUT_OTHER_PRUNE (only with `refuse`), OUTPUT_CHECKPOINT_DAMAGED, OUTPUT_UNWRITABLE
   */
  static open(dir: string, fingerprint: Fingerprint, other: OtherPrune): Checkpoint {
    const replaced = other === 'replace' && PRUNE_RECORD.find(dir, fingerprint).is === 'other'
    const opened = new Checkpoint(dir, fingerprint, replaced ? null : PRUNE_RECORD.read(dir, fingerprint))
    opened.assertIntact()
    opened.tidy()
    return opened
  }

  /** The finished blocks, with the whole paths of their files. */
  get finished(): FinishedBlock[] {
    return this.progress.blocks.map((block) => ({
      ...block,
      file: this.located(block.file),
      beside: block.beside?.map((file) => this.located(file)),
    }))
  }

  /** The first block that is neither finished nor before a finished one. */
  get next(): number {
    return (this.progress.blocks.at(-1)?.block ?? -1) + 1
  }

  /** Seconds that the finished blocks took. */
  get seconds(): PruneSeconds {
    return this.progress.seconds
  }

  /**
   * Sets a stream that has just started to its state in front of block `next`. @throws {OutputError}
   * OUTPUT_CHECKPOINT_DAMAGED
   */
  restore(stream: Stream): void {
    const { stream: spilled } = this.progress
    if (this.next === 0) return
    if (spilled === null) throw PRUNE_RECORD.damaged(this.dir, `${PRUNE_RECORD.name} names no stream`)
    if (!unspillStream(this.dir, this.next, spilled, stream)) throw PRUNE_RECORD.damaged(this.dir, spilled.file)
  }

  /**
   * Makes a block durable. Its file is stored here already; the stream stands behind it.
   * @param stream - null if no later block needs it
   * @param seconds - of all blocks so far
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  async finish(block: FinishedBlock, stream: Stream | null, seconds: PruneSeconds): Promise<void> {
    const { dir, progress: before } = this
    const spilled = stream && (await spillStream(dir, block.block + 1, stream.state))
    const named = { ...block, file: byName(block.file), beside: block.beside?.map(byName) }
    const after = { blocks: [...before.blocks, named], seconds: { ...seconds }, stream: spilled }
    await PRUNE_RECORD.replace(dir, this.fingerprint, after)
    this.progress = after
    if (before.stream !== null) rmSync(join(dir, before.stream.file), { force: true })
  }

  private located(file: StoredFile): StoredFile {
    return { ...file, path: join(this.dir, file.path) }
  }

  private assertIntact(): void {
    const bad = filesOf(this.progress).find((file) => !isIntact(this.located(file)))
    if (bad !== undefined) throw PRUNE_RECORD.damaged(this.dir, bad.path)
  }

  /** Removes the files that the record does not name. */
  private tidy(): void {
    const { dir } = this
    const { blocks, stream } = this.progress
    const named = [...filesOf(this.progress).map(({ path }) => path), ...(stream === null ? [] : [stream.file])]
    const kept = new Set(blocks.length === 0 ? [] : [PRUNE_RECORD.name, ...named])
    try {
      mkdirSync(dir, { recursive: true })
      const gone = readdirSync(dir).filter((name) => !kept.has(name))
      // The record is removed first: it must not name a missing file.
      if (gone.includes(PRUNE_RECORD.name)) rmSync(join(dir, PRUNE_RECORD.name))
      for (const name of gone) rmSync(join(dir, name), { recursive: true, force: true })
    } catch (error) {
      throw unwritable(dir, error)
    }
  }
}

function filesOf({ blocks }: PruneProgress): StoredFile[] {
  return blocks.flatMap(({ file, beside = [] }) => [file, ...beside])
}

function byName(file: StoredFile): StoredFile {
  return { ...file, path: basename(file.path) }
}
