/**
 * A hub as it answers over HTTP. The token goes to the hub's own origin alone, redirects are followed here for that
 * reason, and every answer has a limit of time and size.
 */
import { listFiles, modelInfo } from '@huggingface/hub'
import { z } from 'zod'
import { CoppiceError } from '../../src/base/errors.ts'
import { type HubName, isCommit } from './name.ts'
import { Patience, SILENCE_MS } from './patience.ts'
import { badAnswer, refusedStatus, unreachable } from './refusals.ts'

/** A hub answers a download by one redirect, that of a renamed repository comes before it. */
const MOST_REDIRECTS = 5
/** The list of a thousand files, with all that a hub tells of each, has less than a tenth of it. */
const MOST_ANSWER_BYTES = 2 ** 24
/** The files of a repository that are looked at: those of models have some hundred. */
const MOST_FILES = 20_000
/** The waits before a request is repeated to which the hub says that it is busy or fails. */
const WAITS_MS = [1000, 4000, 10_000]

/** The digest becomes the name of a file, so its form is checked here. */
const digest = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
const listed = z.object({
  path: z.string(),
  size: z.int().nonnegative(),
  oid: digest,
  lfs: z.object({ oid: digest }).optional(),
})

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  /** In the repository, with '/'. Nothing is known of it: check it before it becomes a path. */
  path: string
  size: number
  /** Hexadecimal: SHA-256 of the bytes (64 digits), or the id that Git gives them (40 digits). */
  digest: string
}

export interface HubServerInit {
  /** Address without a path at its end. */
  endpoint: string
  /** null: nothing but public repositories. */
  token: string | null
  signal: AbortSignal
  /** Waits before something is tried again. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** Default: SILENCE_MS. */
  silenceMs?: number
}

export class HubServer {
  private readonly init: HubServerInit
  private readonly origin: string

  constructor(init: HubServerInit) {
    this.init = init
    this.origin = new URL(init.endpoint).origin
  }

  get host(): string {
    return new URL(this.origin).host
  }

  /** The commit that a revision means now. @throws {InputError | NetworkError} as refusedStatus; HUB_UNREACHABLE */
  async commit(name: HubName): Promise<string> {
    const { repository, revision } = name
    const hubUrl = this.init.endpoint
    const fetch = this.asker(name)
    const { sha } = await this.asked(
      modelInfo({ name: repository, revision, additionalFields: ['sha'], hubUrl, fetch }),
    )
    if (typeof sha !== 'string' || !isCommit(sha)) throw badAnswer(`${repository} has no commit`)
    return sha
  }

  /** All files of a commit. @throws {InputError | NetworkError} as `commit` */
  async files(name: HubName, commit: string): Promise<HubFile[]> {
    return await this.asked(this.listed(name, commit))
  }

  /**
   * The bytes of a file from one of them on, or from its beginning if the hub answers so.
   * @throws {InputError | NetworkError} as `commit`
   */
  async open(
    name: HubName,
    { commit, path, from }: { commit: string; path: string; from: number },
    patience: Patience,
  ): Promise<{ from: number; body: ReadableStream<Uint8Array> }> {
    const place = path.split('/').map(encodeURIComponent).join('/')
    const address = new URL(`${this.init.endpoint}/${name.repository}/resolve/${commit}/${place}`)
    const headers = new Headers({ 'accept-encoding': 'identity' }) // what is counted and hashed is the file
    if (from > 0) headers.set('range', `bytes=${from}-`)
    const response = await this.repeated(name, address, { headers, mayLeave: true, patience })
    if (response.body === null) throw badAnswer(`${path} has no content`)
    const begun = /^bytes (\d{1,16})-/.exec(response.headers.get('content-range') ?? '')?.[1]
    if (response.status === 206 && Number(begun) !== from) throw badAnswer(`${path} begins at byte ${begun}`)
    return { from: response.status === 206 ? from : 0, body: response.body }
  }

  private async listed(name: HubName, commit: string): Promise<HubFile[]> {
    const found: HubFile[] = []
    const { repository: repo } = name
    const hubUrl = this.init.endpoint
    for await (const entry of listFiles({ repo, revision: commit, recursive: true, hubUrl, fetch: this.asker(name) })) {
      if (entry.type !== 'file') continue
      if (found.length === MOST_FILES) throw badAnswer(`${repo} has more than ${MOST_FILES} files`)
      const { success, data } = listed.safeParse(entry)
      if (!success) throw badAnswer('a file of its list has no path, size or digest')
      found.push({ path: data.path, size: data.size, digest: data.lfs?.oid ?? data.oid })
    }
    return found
  }

  /** A result of the library, whose own errors are about the form of answers. */
  private async asked<T>(call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (error) {
      this.init.signal.throwIfAborted()
      throw error instanceof CoppiceError ? error : badAnswer(error instanceof Error ? error.message : 'no JSON', error)
    }
  }

  /** The function by which the library asks: short answers of the hub itself. */
  private asker(name: HubName): typeof fetch {
    return async (address, init) => {
      using patience = new Patience(this.init.silenceMs ?? SILENCE_MS, this.init.signal)
      const request = { headers: new Headers(init?.headers), mayLeave: false, patience }
      const response = await this.repeated(name, new URL(String(address)), request)
      const { status, headers } = response
      return new Response(await this.text(response, patience), { status, headers: withoutLength(headers) })
    }
  }

  private async text(response: Response, patience: Patience): Promise<string> {
    const parts: Uint8Array[] = []
    let length = 0
    try {
      for await (const part of response.body ?? []) {
        patience.renew()
        length += part.length
        if (length > MOST_ANSWER_BYTES) throw badAnswer(`it is longer than ${MOST_ANSWER_BYTES} bytes`)
        parts.push(part)
      }
    } catch (error) {
      throw this.failed(error)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  /** An answer that succeeds. Where the hub is busy or fails it is asked again, some times. */
  private async repeated(name: HubName, address: URL, request: Request): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.followed(address, request)
      if (response.ok) return response
      await response.body?.cancel()
      const { status } = response
      const canPass = status === 429 || status >= 500
      if (!canPass || attempt === WAITS_MS.length) throw refusedStatus(status, name, this.init.token !== null)
      await this.init.wait(WAITS_MS[attempt], this.init.signal)
      request.patience.renew()
    }
  }

  private async followed(first: URL, { headers, mayLeave, patience }: Request): Promise<Response> {
    let address = first
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      this.assertAllowed(address, mayLeave)
      const response = await this.sent(address, headers, patience)
      const target = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || target === null) return response
      await response.body?.cancel()
      address = URL.parse(target, address.href) ?? refuse('it redirects to what is no address')
    }
    throw badAnswer(`more than ${MOST_REDIRECTS} redirects`)
  }

  private async sent(address: URL, given: Headers, { signal }: Patience): Promise<Response> {
    const headers = new Headers(given)
    if (address.origin === this.origin && this.init.token !== null)
      headers.set('authorization', `Bearer ${this.init.token}`)
    try {
      return await fetch(address.href, { headers, redirect: 'manual', signal })
    } catch (error) {
      throw this.failed(error, address.host)
    }
  }

  /** Lists come from the hub alone. A file may lie elsewhere, but not where the way to it is less safe. */
  private assertAllowed({ origin, protocol, host }: URL, mayLeave: boolean): void {
    if (origin === this.origin) return
    if (!mayLeave) throw badAnswer(`it sends to another host, ${host}, for what only the hub can tell`)
    const isSafe = protocol === 'https:' || (protocol === 'http:' && this.origin.startsWith('http:'))
    if (!isSafe) throw badAnswer(`it sends to ${protocol}//${host}`)
  }

  private failed(error: unknown, host = this.host): unknown {
    this.init.signal.throwIfAborted()
    return error instanceof CoppiceError ? error : unreachable(host, error)
  }
}

interface Request {
  headers: Headers
  /** Whether the answer may come from another host. */
  mayLeave: boolean
  patience: Patience
}

function refuse(fault: string): never {
  throw badAnswer(fault)
}

/** The headers of an answer whose body was read already. */
function withoutLength(headers: Headers): Headers {
  const rest = new Headers(headers)
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) rest.delete(name)
  return rest
}
