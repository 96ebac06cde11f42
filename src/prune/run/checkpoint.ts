/**
 * The checkpoint of a prune, from which an interrupted prune goes on: a directory with a file for each finished block,
 * the stream in front of the next one, and a record of both. The record is replaced last, so after any interruption it
 * names whole files of one moment.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { OutputError } from '../../base/errors.ts'
import { unwritable } from '../../base/system-errors.ts'
import { differencesInWords, type Fingerprint } from '../../files/fingerprint.ts'
import { sealJson } from '../../files/sealed-json.ts'
import { readSealed } from '../../files/sealed-record.ts'
import { isIntact, type StoredFile, storeFile, syncNames } from '../../files/stored-file.ts'
import { type SpilledStream, spillStream, unspillStream } from '../../model/forward/spilled-stream.ts'
import type { Stream } from '../../model/forward/stream.ts'
import { RECORD_FILE } from './record-file.ts'
import type { PruneSeconds } from './sequential.ts'

export interface FinishedBlock {
  block: number
  /** A file of the checkpoint's directory. */
  file: StoredFile
  /** One entry a layer, in order of role. */
  damping: (number | null)[]
}

/** The fate of another prune's checkpoint. */
export type OtherPrune = 'refuse' | 'replace'

/** Number of the record's format. It changes when older records can no longer be read. */
const FORMAT = 1

interface ProgressRecord {
  format: typeof FORMAT
  fingerprint: Fingerprint
  /** In ascending order; `file.path` is a name without a directory. */
  blocks: FinishedBlock[]
  /** Seconds that the finished blocks took. */
  seconds: PruneSeconds
  /**
   * The stream in front of the block after the last finished one; null if no block behind it is to be pruned, or there
   * is no text.
   */
  stream: SpilledStream | null
}

/**
 * The number of finished blocks and their seconds, read without opening the blocks' files; null if there is no
 * checkpoint.
 * @throws {OutputError} OUTPUT_OTHER_PRUNE, OUTPUT_CHECKPOINT_DAMAGED
 */
export function peek(dir: string, fingerprint: Fingerprint): { blocks: number; seconds: PruneSeconds } | null {
  const record = readRecord(dir)
  if (record === null) return null
  assertSame(dir, record, fingerprint)
  return { blocks: record.blocks.length, seconds: record.seconds }
}

export class Checkpoint {
  private readonly dir: string
  private record: ProgressRecord

  private constructor(dir: string, record: ProgressRecord) {
    this.dir = dir
    this.record = record
  }

  /**
   * Opens the checkpoint of this very prune, or an empty one if the directory holds none. Half-written files are
   * removed. The directory is the checkpoint's alone.
   * @param other - the fate of another prune's checkpoint
   * @throws {OutputError} OUTPUT_OTHER_PRUNE (only with `refuse`), OUTPUT_CHECKPOINT_DAMAGED, OUTPUT_UNWRITABLE
   */
  static open(dir: string, fingerprint: Fingerprint, other: OtherPrune): Checkpoint {
    const record = readRecord(dir)
    if (record !== null && other === 'refuse') assertSame(dir, record, fingerprint)
    const same = record !== null && differencesInWords(record.fingerprint, fingerprint) === null
    const none = { forward: 0, statistics: 0, solve: 0 }
    const opened = new Checkpoint(
      dir,
      same ? record : { format: FORMAT, fingerprint, blocks: [], seconds: none, stream: null },
    )
    opened.assertIntact()
    opened.tidy()
    return opened
  }

  /** The finished blocks, with the whole paths of their files. */
  get finished(): FinishedBlock[] {
    return this.record.blocks.map((block) => ({ ...block, file: this.located(block.file) }))
  }

  /** The first block that is neither finished nor before a finished one. */
  get next(): number {
    return (this.record.blocks.at(-1)?.block ?? -1) + 1
  }

  /** Seconds that the finished blocks took. */
  get seconds(): PruneSeconds {
    return this.record.seconds
  }

  /**
   * Sets a stream that has just started to its state in front of block `next`. @throws {OutputError}
   * OUTPUT_CHECKPOINT_DAMAGED
   */
  restore(stream: Stream): void {
    const { stream: spilled } = this.record
    if (this.next === 0) return
    if (spilled === null) throw damaged(this.dir, `${RECORD_FILE} names no stream`)
    if (!unspillStream(this.dir, this.next, spilled, stream)) throw damaged(this.dir, spilled.file)
  }

  /**
   * Makes a block durable. Its file is stored here already; the stream stands behind it.
   * @param stream - null if no later block needs it
   * @param seconds - of all blocks so far
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  finish(block: FinishedBlock, stream: Stream | null, seconds: PruneSeconds): void {
    const { dir, record: before } = this
    const spilled = stream && spillStream(dir, block.block + 1, stream.state)
    const named = { ...block, file: { ...block.file, path: basename(block.file.path) } }
    const after = { ...before, blocks: [...before.blocks, named], seconds: { ...seconds }, stream: spilled }
    syncNames(dir) // the files must be there before the record that names them
    storeFile(join(dir, RECORD_FILE), [Buffer.from(sealJson(after))])
    syncNames(dir)
    this.record = after
    if (before.stream !== null) rmSync(join(dir, before.stream.file), { force: true })
  }

  private located(file: StoredFile): StoredFile {
    return { ...file, path: join(this.dir, file.path) }
  }

  private assertIntact(): void {
    const bad = this.record.blocks.find(({ file }) => !isIntact(this.located(file)))
    if (bad !== undefined) throw damaged(this.dir, bad.file.path)
  }

  /** Removes the files that the record does not name. */
  private tidy(): void {
    const { dir } = this
    const { blocks, stream } = this.record
    const named = [...blocks.map(({ file }) => file.path), ...(stream === null ? [] : [stream.file])]
    const kept = new Set(blocks.length === 0 ? [] : [RECORD_FILE, ...named])
    try {
      mkdirSync(dir, { recursive: true })
      const gone = readdirSync(dir).filter((name) => !kept.has(name))
      // The record is removed first: it must not name a missing file.
      if (gone.includes(RECORD_FILE)) rmSync(join(dir, RECORD_FILE))
      for (const name of gone) rmSync(join(dir, name), { recursive: true, force: true })
    } catch (error) {
      throw unwritable(dir, error)
    }
  }
}

/** The record; null if there is none. @throws {OutputError} OUTPUT_CHECKPOINT_DAMAGED */
function readRecord(dir: string): ProgressRecord | null {
  const record = readSealed(join(dir, RECORD_FILE)) as ProgressRecord | null | undefined
  if (record === undefined) return null
  if (record?.format !== FORMAT) throw damaged(dir, RECORD_FILE)
  return record
}

function assertSame(dir: string, record: ProgressRecord, fingerprint: Fingerprint): void {
  const told = differencesInWords(record.fingerprint, fingerprint)
  if (told === null) return
  throw new OutputError({
    code: 'OUTPUT_OTHER_PRUNE',
    what: `${dir} holds an unfinished prune, but with another ${told}`,
    hint: 'Give the same model, text and settings to go on with it; or remove that directory, or choose another --out.',
  })
}

function damaged(dir: string, name: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_CHECKPOINT_DAMAGED',
    what: `${join(dir, name)}, of an unfinished prune, is not as it was written`,
    hint: `Remove ${dir} and start again: all blocks are pruned anew.`,
  })
}
