/**
 * The blobs of a peer: contributions, commit lists, values. A file is named by its id, and appears under that name only
 * when it is whole and on the disk (temporary file, fsync, rename). Large blobs are read in ranges of one file, and are
 * never in memory as a whole.
 */
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobSink, BlobSource } from '../../protocols/blob/index.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { BlobHasher, CHUNK_BYTES, type ChunkList, chunkCount, chunkLength } from '../../protocols/wire/hash.ts'
import { OutputError } from '../../src/base/errors.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import { DurableFile, linkOrCopy, syncDirectory } from '../../src/files/durable-file.ts'
import { Uses } from '../uses.ts'
import { BLOB_MODE, BlobPart } from './blob-part.ts'

/** Names of whole blobs. */
const BLOB_NAME = /^[0-9a-f]{64}$/
/** The ending of files that are being written. Those that a crash left are removed on opening. */
const TEMPORARY = '.tmp'
/** The ending of the name of a blob that is being fetched. */
const PART = '.part'
/** Names of such files, with the blob's id. */
const PART_NAME = /^([0-9a-f]{64})\.part$/

export class BlobStore implements BlobSource {
  readonly directory: string
  /** The length of each blob and, after it has been needed, its list of chunks. */
  private readonly held = new Map<string, { byteLength: number; list: ChunkList | null }>()
  /** Whole chunks of blobs that an earlier run has fetched in part. */
  private readonly parts = new Map<string, number>()
  /** The blobs that are being fetched. */
  private readonly fetched = new Set<string>()
  private temporaries = 0
  private readonly uses = new Uses(
    (id) => this.held.has(id),
    (id) => rm(join(this.directory, id), { force: true }),
  )

  private constructor(directory: string) {
    this.directory = directory
  }

  /** @throws {OutputError} OUTPUT_UNWRITABLE: the directory cannot be used */
  static async open(directory: string): Promise<BlobStore> {
    const store = new BlobStore(directory)
    try {
      await mkdir(directory, { recursive: true })
      for (const name of await readdir(directory)) {
        const path = join(directory, name)
        const part = PART_NAME.exec(name)?.[1]
        if (name.endsWith(TEMPORARY)) await rm(path)
        else if (part !== undefined) store.parts.set(part, Math.floor((await stat(path)).size / CHUNK_BYTES))
        else if (BLOB_NAME.test(name)) store.held.set(name, { byteLength: (await stat(path)).size, list: null })
      }
    } catch (error) {
      throw unwritable(directory, error)
    }
    return store
  }

  has(id: string): boolean {
    return this.held.has(id)
  }

  /** The length in bytes of a blob that is held. @throws {RangeError} it is not held */
  byteLength(id: string): number {
    return this.heldBlob(id).byteLength
  }

  /** The path of a blob that is held. @throws {RangeError} it is not held */
  path(id: string): string {
    this.heldBlob(id)
    return join(this.directory, id)
  }

  /**
   * Stores bytes that are in memory; returns their id. Writes a chunk at a time, so that no other work waits for it.
   */
  async put(bytes: Uint8Array): Promise<string> {
    const file = await DurableFile.begin(this.temporary(), { mode: BLOB_MODE })
    const hasher = new BlobHasher()
    for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES)
      hasher.update(chunk)
      await file.write(chunk)
    }
    const { id, ...list } = hasher.finish()
    const name = toHex(id)
    if (await this.holds(name)) await file.discard()
    else {
      await file.commit(join(this.directory, name))
      this.held.set(name, { byteLength: list.byteLength, list })
    }
    return name
  }

  /**
   * Takes over a file that is on the disk already and is never written again: it is hashed and gets its id as another
   * name. Returns the id. The file stays where it is, and may be removed there.
   * @throws {OutputError} the store cannot be written to
   */
  async adopt(file: string): Promise<string> {
    const { id, ...list } = await hashFile(file)
    const name = toHex(id)
    if (await this.holds(name)) return name
    const temporary = this.temporary()
    await linkOrCopy(file, temporary)
    try {
      await chmod(temporary, BLOB_MODE)
      await rename(temporary, join(this.directory, name))
      await syncDirectory(this.directory)
    } catch (error) {
      throw unwritable(this.directory, error)
    }
    this.held.set(name, { byteLength: list.byteLength, list })
    return name
  }

  /** The number of whole chunks that an earlier run has fetched of a blob. Nobody has checked them since. */
  begun(id: string): number {
    return this.parts.get(id) ?? 0
  }

  /** A sink for the blob of this list. It goes on with the chunks that an earlier run has fetched. */
  sink(id: string, list: ChunkList): Promise<BlobSink> {
    // The same blob may be fetched twice at once, for two blocks.
    const isOnly = !this.fetched.has(id)
    const path = isOnly ? join(this.directory, `${id}${PART}`) : this.temporary()
    this.fetched.add(id)
    return BlobPart.open(path, list, (isWhole) => {
      if (isOnly) this.fetched.delete(id)
      if (isWhole) this.held.set(id, { byteLength: list.byteLength, list })
    })
  }

  /**
   * Reads one chunk, or without an index a whole blob, for small ones (commit lists, values).
   * @throws {OutputError} OUTPUT_BLOB_DAMAGED: the file is too short
   */
  async read(id: string, index: number): Promise<Uint8Array>
  async read(id: string): Promise<Uint8Array>
  async read(id: string, index?: number): Promise<Uint8Array> {
    const { byteLength } = this.heldBlob(id)
    const bytes = new Uint8Array(index === undefined ? byteLength : chunkLength(byteLength, index))
    const position = (index ?? 0) * CHUNK_BYTES
    const handle = await open(join(this.directory, id), 'r')
    try {
      const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, position)
      if (bytesRead !== bytes.byteLength) throw damaged(join(this.directory, id))
      return bytes
    } finally {
      await handle.close()
    }
  }

  /** The chunk list of a blob; null if the blob is not held. See `holds`. */
  async chunks(id: string): Promise<ChunkList | null> {
    return (await this.holds(id)) ? (this.held.get(id)?.list ?? null) : null
  }

  /**
   * Whether a blob is held and is what its name says. A blob of an earlier run is hashed before it is used: nobody has
   * looked at it since the crash or the power cut that may have damaged it. A damaged one is removed, so that it is
   * fetched again.
   */
  async holds(id: string): Promise<boolean> {
    const blob = this.held.get(id)
    if (blob === undefined) return false
    blob.list ??= await listOf(join(this.directory, id), id)
    if (blob.list !== null) return true
    if (this.held.get(id) === blob) {
      this.held.delete(id)
      await rm(join(this.directory, id), { force: true })
    }
    return false
  }

  /** Runs a task that reads the files of these blobs: they stay until its end, whatever is retained meanwhile. */
  using<T>(ids: readonly string[], task: () => Promise<T>): Promise<T> {
    return this.uses.during(ids, task)
  }

  /** Removes all blobs but these, and what an earlier run has fetched of others. */
  async retain(ids: ReadonlySet<string>): Promise<void> {
    for (const id of this.parts.keys()) {
      if (this.fetched.has(id) || (ids.has(id) && !this.held.has(id))) continue
      this.parts.delete(id)
      await rm(join(this.directory, `${id}${PART}`), { force: true })
    }
    for (const id of this.held.keys()) {
      if (ids.has(id)) continue
      this.held.delete(id)
      await this.uses.drop(id)
    }
  }

  private temporary(): string {
    return join(this.directory, `${process.pid}-${this.temporaries++}${TEMPORARY}`)
  }

  private heldBlob(id: string): { byteLength: number } {
    const blob = this.held.get(id)
    if (blob === undefined) throw new RangeError(`blob ${id} is not held`)
    return blob
  }
}

/** The list of the file of a blob; null if the file is not what its name says. */
async function listOf(path: string, id: string): Promise<ChunkList | null> {
  const { id: found, ...list } = await hashFile(path)
  return toHex(found) === id ? list : null
}

/** Id and list of a file, a chunk at a time, so that nothing else waits for it. @throws {OutputError} it got shorter */
async function hashFile(path: string): Promise<ChunkList & { id: Uint8Array }> {
  const hasher = new BlobHasher()
  await using handle = await open(path, 'r')
  const { size } = await handle.stat()
  const chunk = new Uint8Array(Math.min(size, CHUNK_BYTES))
  for (let index = 0; index < chunkCount(size); index++) {
    const length = chunkLength(size, index)
    const { bytesRead } = await handle.read(chunk, 0, length, index * CHUNK_BYTES)
    if (bytesRead !== length) throw damaged(path)
    hasher.update(chunk.subarray(0, length))
  }
  return hasher.finish()
}

function damaged(path: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_BLOB_DAMAGED',
    what: `${path} does not have the bytes that its name (a hash) stands for`,
    hint: 'Its disk is failing or the file was edited. Remove it: the peer fetches it again from the others.',
  })
}
