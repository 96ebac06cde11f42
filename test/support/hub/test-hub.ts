/**
 * A hub on this machine: it answers as the hub does, from files in memory. Large files come by a redirect from a second
 * server, as from the hub's own store. A test may answer a request itself.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'

export const COMMIT = '0123456789abcdef0123456789abcdef01234567'
export const REPOSITORY = 'clinic/small'

/** Files of at least so many bytes lie in the store. */
const STORED_BYTES = 100_000

export interface HubRequest {
  /** Whether the store was asked, not the hub itself. */
  isStore: boolean
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
}

type Answer = (asked: HubRequest, response: ServerResponse) => boolean

export class TestHub implements AsyncDisposable {
  readonly asked: HubRequest[] = []
  readonly files: Map<string, Buffer>
  /** Answers a request, or leaves it (false). */
  answer: Answer = () => false
  /** Revisions besides the commit. */
  readonly revisions = new Map([['main', COMMIT]])
  private readonly hub: Server
  private readonly store: Server

  private constructor(files: ReadonlyMap<string, Buffer>) {
    this.files = new Map(files)
    this.hub = createServer(({ url = '', headers }, response) => this.take({ isStore: false, url, headers }, response))
    this.store = createServer(({ url = '', headers }, response) => this.take({ isStore: true, url, headers }, response))
  }

  static async start(files: ReadonlyMap<string, Buffer> = smallModel()): Promise<TestHub> {
    const made = new TestHub(files)
    for (const server of [made.hub, made.store])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return made
  }

  get address(): string {
    return addressOf(this.hub)
  }

  get storeAddress(): string {
    return addressOf(this.store)
  }

  /** Paths of the files that were asked for, in order. */
  get fetched(): string[] {
    return this.asked.flatMap(({ isStore, url }) => (isStore ? [] : (/\/resolve\/\w+\/([^?]*)/.exec(url)?.[1] ?? [])))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.hub, this.store]) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  private take(asked: HubRequest, response: ServerResponse): void {
    this.asked.push(asked)
    if (this.answer(asked, response)) return
    const { pathname } = new URL(asked.url, this.address)
    const api = `/api/models/${REPOSITORY}`
    const file = decodeURIComponent(/\/resolve\/\w+\/(.*)$/.exec(pathname)?.[1] ?? '')
    if (pathname.startsWith(`${api}/revision/`)) {
      const commit = this.revisions.get(decodeURIComponent(pathname.slice(`${api}/revision/`.length)))
      if (commit === undefined) refuse(response, 404, 'RevisionNotFound')
      else json(response, { _id: '1', id: REPOSITORY, sha: commit, private: false, gated: false })
    } else if (pathname === `${api}/tree/${COMMIT}`) json(response, this.entries())
    else if (pathname.startsWith(`/${REPOSITORY}/resolve/`) || asked.isStore) this.send(asked, file, response)
    else refuse(response, 404, 'RepoNotFound')
  }

  private entries(): object[] {
    return [...this.files].map(([path, content]) => {
      const entry = { type: 'file', path, size: content.length, oid: gitId(content) }
      return content.length < STORED_BYTES ? entry : { ...entry, lfs: { oid: sha256(content), size: content.length } }
    })
  }

  private send({ isStore, url, headers }: HubRequest, path: string, response: ServerResponse): void {
    const content = this.files.get(path)
    if (content === undefined) return void refuse(response, 404, 'EntryNotFound')
    response.setHeader('x-repo-commit', COMMIT)
    if (content.length >= STORED_BYTES && !isStore) {
      response.setHeader('x-linked-etag', `"${sha256(content)}"`)
      response.setHeader('x-linked-size', content.length)
      response.writeHead(302, { location: `${this.storeAddress}${url}?signature=secret` }).end()
    } else {
      response.setHeader('etag', `"${gitId(content)}"`)
      sendFrom(content, headers.range, response)
    }
  }
}

/** Sends a content, or what a range asks of it. */
export function sendFrom(content: Buffer, range: string | undefined, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const headers = { 'content-length': content.length - from }
  const part = { ...headers, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }
  response.writeHead(range === undefined ? 200 : 206, range === undefined ? headers : part).end(content.subarray(from))
}

/** The fixture as onnx-community lays models out, beside files that are not needed. */
export function smallModel(): Map<string, Buffer> {
  const directory = join(PACKAGE_ROOT, 'test/fixtures/stories260k')
  const own = (name: string) => readFileSync(join(directory, name))
  return new Map([
    ['config.json', own('config.json')],
    ['tokenizer.json', own('tokenizer.json')],
    ['onnx/model.onnx', own('model.onnx')],
    ['onnx/model_q4.onnx', Buffer.alloc(1000)],
    ['README.md', Buffer.from('# Small\n')],
    ['model.safetensors', Buffer.alloc(200_000)],
    ['pytorch_model.bin', Buffer.alloc(100)],
    ['.gitattributes', Buffer.alloc(10)],
  ])
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

function gitId(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code }).end('{"error":"no"}')
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
