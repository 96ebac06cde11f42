/**
 * A blob that is being fetched, in a file of its own until it is whole. The next fetch goes on with the chunks that a
 * stopped one has left there: each is checked against the blob's list again, up to the first that is wrong.
 */
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BlobSink } from '../../protocols/blob/index.ts'
import { CHUNK_BYTES, type ChunkList, chunkCount, chunkLength, isChunkOf } from '../../protocols/wire/hash.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'
import { DurableFile } from '../../src/files/durable-file.ts'

/** Contributions are for members alone. */
export const BLOB_MODE = 0o600

export class BlobPart implements BlobSink {
  readonly held: number
  private readonly path: string
  private readonly file: DurableFile
  private readonly onEnd: (isWhole: boolean) => void

  private constructor(path: string, held: number, file: DurableFile, onEnd: (isWhole: boolean) => void) {
    this.path = path
    this.held = held
    this.file = file
    this.onEnd = onEnd
  }

  /**
   * @param onEnd - the blob has its name now, or the fetch has failed
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  static async open(path: string, list: ChunkList, onEnd: (isWhole: boolean) => void): Promise<BlobPart> {
    const held = await goodChunks(path, list)
    const keep = Math.min(held * CHUNK_BYTES, list.byteLength)
    return new BlobPart(path, held, await DurableFile.begin(path, { mode: BLOB_MODE, keep }), onEnd)
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.file.write(chunk)
  }

  async commit(id: string): Promise<void> {
    await this.file.commit(join(dirname(this.path), id))
    this.onEnd(true)
  }

  async leave(): Promise<void> {
    await this.file.leave()
    this.onEnd(false)
  }
}

/** The number of chunks at the beginning of a file that are those of the list; 0 where there is no file. */
async function goodChunks(path: string, list: ChunkList): Promise<number> {
  try {
    await using handle = await open(path, 'r')
    const buffer = new Uint8Array(Math.min(list.byteLength, CHUNK_BYTES))
    for (let index = 0; index < chunkCount(list.byteLength); index++) {
      const chunk = buffer.subarray(0, chunkLength(list.byteLength, index))
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, index * CHUNK_BYTES)
      if (bytesRead < chunk.byteLength || !isChunkOf(list, index, chunk)) return index
    }
    return chunkCount(list.byteLength)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw unwritable(path, error)
  }
}
