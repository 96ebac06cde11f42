/** Fetches the missing files of one commit into the cache. */
import type { DirectoryLock } from '../../peers/disk/lock.ts'
import { OutputError } from '../../src/base/errors.ts'
import type { Run } from '../command.ts'
import { InterruptedError } from '../terminal/interruption.ts'
import { percent } from '../terminal/numbers.ts'
import type { HubCache } from './cache.ts'
import { downloadBlob } from './download.ts'
import { FetchLine } from './fetch-line.ts'
import type { HubName } from './name.ts'
import type { HubFile, HubServer, HubServerInit } from './server.ts'

/** The time between two looks whether another process has fetched the same model. */
const LOOK_MS = 1000

interface FetchingInit {
  server: HubServer
  cache: HubCache
  name: HubName
  commit: string
  init: HubServerInit
  talk: Pick<Run, 'terminal' | 'signal'>
}

/** The files of one commit on their way. What is here already is neither asked for nor locked. */
export class Fetching implements AsyncDisposable {
  private readonly given: FetchingInit
  private readonly counted = new Map<string, HubFile>()
  private lock: DirectoryLock | null = null
  private line: FetchLine | null = null

  constructor(given: FetchingInit) {
    this.given = given
  }

  /** @param later - files that may follow: they count for the time that is left, and for the room on the disk */
  async take(files: readonly HubFile[], later: readonly HubFile[] = []): Promise<void> {
    const { cache, commit, name } = this.given
    const missing = () => files.filter((file) => !cache.holds(commit, file))
    if (missing().length === 0) return
    this.lock ??= await locked(this.given)
    const isNew = [...files, ...later].some(({ path }) => !this.counted.has(path))
    for (const file of [...files, ...later]) this.counted.set(file.path, file)
    if (isNew) await this.count()
    try {
      for (const file of missing()) await this.fetch(file)
      await cache.remember(name.revision, commit)
    } catch (error) {
      throw this.kept(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lock?.release()
  }

  private async count(): Promise<void> {
    const { cache, commit, name, talk } = this.given
    const files = [...this.counted.values()]
    const total = files.reduce((sum, { size }) => sum + size, 0)
    const present = files.reduce((sum, file) => sum + cache.present(commit, file), 0)
    await cache.assertRoom(total - present)
    this.line = new FetchLine(talk.terminal, name.repository, total, present)
  }

  private async fetch(file: HubFile): Promise<void> {
    const { cache, commit } = this.given
    const onBegin = () => this.line?.begins(file.path)
    const onBytes = (count: number) => this.line?.adds(count)
    onBegin()
    if (!cache.hasBlob(file)) await downloadBlob({ ...this.given, onBegin, onBytes }, file)
    await cache.place(commit, file)
  }

  /** A stop says what is kept. */
  private kept(error: unknown): unknown {
    const { signal } = this.given.talk
    const { reason } = signal
    if (!signal.aborted || !(reason instanceof InterruptedError)) return error
    const share = percent(Math.floor((this.line?.share ?? 0) * 100) / 100)
    return reason.withHint(`Kept: ${share} of ${this.given.name.repository}, in the cache. To go on: the same command.`)
  }
}

/** Waits until no other process fetches the same model. */
async function locked({ cache, name, init, talk }: FetchingInit): Promise<DirectoryLock> {
  for (;;) {
    try {
      return await cache.lock()
    } catch (error) {
      if (!(error instanceof OutputError) || error.code !== 'OUTPUT_LOCKED') throw error
      talk.terminal.waiting(() => `Waiting for another process, which fetches ${name.repository}`)
    }
    await init.wait(LOOK_MS, init.signal)
  }
}
