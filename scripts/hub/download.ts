/** Fetches one file of a hub into the cache. A broken download goes on where it was, in this run or a later one. */
import { NetworkError } from '../../src/base/errors.ts'
import { BlobPart } from './blob-part.ts'
import type { HubCache } from './cache.ts'
import type { HubName } from './name.ts'
import { Patience, SILENCE_MS } from './patience.ts'
import { brokenOff, wrongBytes } from './refusals.ts'
import type { HubFile, HubServer, HubServerInit } from './server.ts'

/** Waits before a download goes on that broke off and brought nothing: after the last it is given up. */
const WAITS_MS = [1000, 4000, 10_000]

interface Download {
  server: HubServer
  cache: HubCache
  name: HubName
  commit: string
  init: Pick<HubServerInit, 'signal' | 'silenceMs' | 'wait'>
  /** Called when bytes begin to come. */
  onBegin(): void
  /** Hears of bytes that came; negative: some were of no use. */
  onBytes(count: number): void
}

/**
 * @throws {NetworkError} HUB_BROKEN_OFF, HUB_FILE_WRONG, and as HubServer.open
 * @throws {OutputError} OUTPUT_UNWRITABLE
 * @throws the signal's reason
 */
export async function downloadBlob(download: Download, file: HubFile): Promise<void> {
  const { cache, init, onBegin, onBytes } = download
  await using part = await BlobPart.open(cache.part(file), file, init.signal)
  onBegin()
  await fill(download, file, part)
  if (!part.isRight() && part.hasEarlier) {
    // Bytes of an earlier run may be damaged: the file gets one more chance.
    onBytes(-part.length)
    await part.restart()
    await fill(download, file, part)
  }
  if (!part.isRight()) {
    await part.discard()
    throw wrongBytes(file.path, `its bytes have another hash than ${file.digest.slice(0, 8)}`)
  }
  await part.finish(cache.blob(file))
}

/** Fetches until all bytes are here. */
async function fill(download: Download, file: HubFile, part: BlobPart): Promise<void> {
  const { signal, wait } = download.init
  let failures = 0
  while (part.length < file.size) {
    const before = part.length
    const cause = await append(download, file, part)
    signal.throwIfAborted()
    if (part.length === file.size) return
    failures = part.length > before ? 0 : failures + 1
    if (failures > WAITS_MS.length) throw brokenOff(file.path, part.length, file.size, cause)
    await wait(WAITS_MS[Math.max(0, failures - 1)], signal)
  }
}

/** Takes what one answer brings. Returns why it ended early, undefined if it says nothing of that. */
async function append(download: Download, file: HubFile, part: BlobPart): Promise<unknown> {
  const { server, name, commit, init, onBytes } = download
  using patience = new Patience(init.silenceMs ?? SILENCE_MS, init.signal)
  let body: ReadableStream<Uint8Array>
  try {
    const answer = await server.open(name, { commit, path: file.path, from: part.length }, patience)
    if (answer.from !== part.length) {
      onBytes(-part.length)
      await part.restart()
    }
    body = answer.body
  } catch (error) {
    // Once something has come the connection may come back.
    if (part.length > 0 && error instanceof NetworkError && error.code === 'HUB_UNREACHABLE') return error
    throw error
  }
  const reader = body.getReader()
  for (;;) {
    let bytes: Uint8Array | undefined
    try {
      bytes = (await reader.read()).value
    } catch (error) {
      return error
    }
    if (bytes === undefined) return undefined
    patience.renew()
    try {
      await part.write(bytes)
    } catch (error) {
      await reader.cancel().catch(() => undefined) // it may have failed as well; the first failure counts
      throw error
    }
    onBytes(bytes.length)
  }
}
