/** A file of a hub while it comes. Its bytes are counted and hashed, and get their name if they are the right ones. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { DurableFile } from '../../src/files/durable-file.ts'
import { wrongBytes } from './refusals.ts'
import type { HubFile } from './server.ts'

/** Digits of a SHA-256. Shorter digests are ids of Git. */
const SHA256_DIGITS = 64

export class BlobPart implements AsyncDisposable {
  /** Bytes that are here. */
  length = 0
  /** Whether bytes of an earlier run are among them. */
  hasEarlier = false
  private readonly path: string
  private readonly file: HubFile
  private output: DurableFile
  private hash: Hash

  private constructor(path: string, file: HubFile, output: DurableFile) {
    this.path = path
    this.file = file
    this.output = output
    this.hash = hashFor(file)
  }

  /** Opens the part that an earlier run has left, or a new one. @throws {OutputError} OUTPUT_UNWRITABLE, as all here */
  static async open(path: string, file: HubFile, signal: AbortSignal): Promise<BlobPart> {
    const found = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    const keep = found <= file.size ? found : 0
    const part = new BlobPart(path, file, await DurableFile.begin(path, { keep }))
    try {
      if (keep > 0) await part.readEarlier(signal)
    } catch (error) {
      await part[Symbol.asyncDispose]()
      throw error
    }
    return part
  }

  /** @throws {NetworkError} HUB_FILE_WRONG: more bytes than the file has */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.length + bytes.length > this.file.size) {
      await this.output.discard()
      throw wrongBytes(this.file.path, `more than its ${this.file.size} bytes come`)
    }
    this.hash.update(bytes)
    await this.output.write(bytes)
    this.length += bytes.length
  }

  /** Begins anew, without the bytes that are here. */
  async restart(): Promise<void> {
    await this.output.leave()
    this.output = await DurableFile.begin(this.path)
    this.hash = hashFor(this.file)
    this.length = 0
    this.hasEarlier = false
  }

  /** Whether the bytes have the digest of the file. */
  isRight(): boolean {
    return this.length === this.file.size && this.hash.copy().digest('hex') === this.file.digest
  }

  /** Gives the bytes their name. */
  async finish(path: string): Promise<void> {
    await this.output.commit(path)
  }

  async discard(): Promise<void> {
    await this.output.discard()
  }

  /** Leaves the bytes for a later run. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.output.leave()
  }

  private async readEarlier(signal: AbortSignal): Promise<void> {
    for await (const bytes of createReadStream(this.path, { signal })) {
      this.hash.update(bytes)
      this.length += bytes.length
    }
    this.hasEarlier = true
  }
}

/** Git's own ids are hashes of the bytes behind a heading with their number. */
function hashFor({ digest, size }: HubFile): Hash {
  return digest.length === SHA256_DIGITS ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}
