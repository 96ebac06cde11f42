/**
 * The cache that all tools of Hugging Face share on a machine: blobs/DIGEST holds bytes, snapshots/COMMIT/PATH links to
 * them, refs/REVISION holds a commit. What Python's tools have fetched is found here, and the other way round.
 */
import { type Stats, statSync } from 'node:fs'
import { copyFile, mkdir, readFile, rm, statfs, symlink } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { getHFHubCachePath, getRepoFolderName } from '@huggingface/hub'
import { type DirectoryLock, lockDirectory } from '../../peers/disk/lock.ts'
import { OutputError } from '../../src/base/errors.ts'
import { orUnwritable, systemCode } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { bytes } from '../terminal/numbers.ts'
import { isCommit } from './name.ts'
import type { HubFile } from './server.ts'

export class HubCache {
  /** Absolute path of the repository's folder. */
  readonly folder: string
  private readonly locks: string

  /** @param root - the whole cache: see cacheRoot */
  constructor(root: string, repository: string) {
    const name = getRepoFolderName({ name: repository, type: 'model' })
    this.folder = join(root, name)
    this.locks = join(root, '.locks', name)
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  blob(file: HubFile): string {
    return join(this.folder, 'blobs', file.digest)
  }

  /** The bytes of a file that have come so far. Python's tools use the same name. */
  part(file: HubFile): string {
    return `${this.blob(file)}.incomplete`
  }

  /** Bytes of a file that lie here, of a whole one or of its part. */
  present(commit: string, file: HubFile): number {
    if (this.holds(commit, file)) return file.size
    return Math.min(sizeOf(this.blob(file)) ?? sizeOf(this.part(file)) ?? 0, file.size)
  }

  /** Whether a snapshot has a whole file. */
  holds(commit: string, { path, size }: HubFile): boolean {
    return sizeOf(join(this.snapshot(commit), path)) === size
  }

  hasBlob(file: HubFile): boolean {
    return sizeOf(this.blob(file)) === file.size
  }

  /** The commit that a revision meant when it was fetched last; null: it never was. */
  async known(revision: string): Promise<string | null> {
    if (isCommit(revision)) return revision
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '')
    return isCommit(text.trim()) ? text.trim() : null
  }

  /** @throws {OutputError} OUTPUT_UNWRITABLE, as all that write here */
  async remember(revision: string, commit: string): Promise<void> {
    if ((await this.known(revision)) === commit) return
    const path = join(this.folder, 'refs', revision)
    await orUnwritable(path, mkdir(dirname(path), { recursive: true }))
    await writeDurably(path, Buffer.from(commit))
  }

  /** Makes a snapshot have a file whose bytes are in blobs. */
  async place(commit: string, file: HubFile): Promise<void> {
    const [path, blob] = [join(this.snapshot(commit), file.path), this.blob(file)]
    await orUnwritable(path, linked(path, blob))
  }

  /** Keeps other processes of Coppice out of this repository's folder. @throws {OutputError} OUTPUT_LOCKED */
  async lock(): Promise<DirectoryLock> {
    await orUnwritable(this.locks, mkdir(this.locks, { recursive: true }))
    await orUnwritable(this.folder, mkdir(join(this.folder, 'blobs'), { recursive: true }))
    return lockDirectory(this.locks, 'Wait until that process has fetched the model, or stop it.')
  }

  /** @param needed - bytes that are still to come. @throws {OutputError} HUB_CACHE_FULL */
  async assertRoom(needed: number): Promise<void> {
    const { bavail, bsize } = await orUnwritable(this.folder, statfs(this.folder))
    const free = bavail * bsize
    if (needed <= free) return
    throw new OutputError({
      code: 'HUB_CACHE_FULL',
      what: `${bytes(needed)} are still to be fetched, and ${this.folder} has room for ${bytes(free)}`,
      hint: 'Make room, or let HF_HOME name a directory on a larger disk.',
    })
  }
}

/** The cache by the rules of Python's tools: HF_HUB_CACHE, or hub in HF_HOME, or ~/.cache/huggingface/hub. */
export function cacheRoot(): string {
  return resolve(getHFHubCachePath())
}

async function linked(path: string, blob: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { force: true })
  try {
    await symlink(relative(dirname(path), blob), path)
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw error // Windows without the right to make links
    await copyFile(blob, path)
  }
}

function sizeOf(path: string): number | null {
  const stats: Stats | undefined = statSync(path, { throwIfNoEntry: false })
  return stats?.isFile() ? stats.size : null
}
