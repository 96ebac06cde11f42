/**
 * Serves one page over HTTP, and sends its changes as server-sent events. Whoever has the whole address may read it:
 * it holds a token of 128 bits. Nothing else is answered. A page of another origin can neither read it nor frame it,
 * and a name that was bent to this address (DNS rebinding) is refused.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NetworkError } from '../../src/base/errors.ts'
import type { PageAddress } from '../options/page.ts'

/** The page that is served now. */
interface Served {
  /** The whole document. */
  document(): string
  /** Its policy. */
  policy(): string
  /** The parts of the page as they are now, by name. */
  parts(): ReadonlyMap<string, string>
  /** A page could not be drawn. The command goes on. */
  onFailure(error: unknown): void
}

const TOKEN_BYTES = 16
/** Readers at once: a person has a few tabs, and each costs memory. */
const MAX_READERS = 8
/** Connections at once: a browser opens up to six. */
const MAX_CONNECTIONS = 64
/** Changes that a slow reader has not taken yet: with more it gets the next ones only when it has caught up. */
const MAX_WAITING_BYTES = 4 * 2 ** 20
/** The time that a reader gets to take the final report before its connection is closed. */
const FAREWELL_MS = 1000

const HEADERS = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

interface Reader {
  response: ServerResponse
  /** The parts that it has, by name. */
  has: Map<string, string>
}

export class PageServer implements AsyncDisposable {
  private readonly server: Server
  private readonly address: PageAddress
  private readonly served: Served
  private readonly token = randomBytes(TOKEN_BYTES).toString('base64url')
  private readonly readers = new Set<Reader>()
  private ended = false

  private constructor(address: PageAddress, served: Served) {
    this.address = address
    this.served = served
    this.server = createServer((request, response) => {
      response.on('error', () => undefined) // the reader has gone
      this.guarded(
        () => this.answer(request, response),
        () => response.destroy(),
      )
    })
    this.server.maxConnections = MAX_CONNECTIONS
    // The page never keeps a command alive that is done.
    this.server.on('connection', (socket) => socket.unref())
    this.server.unref()
  }

  /** @throws {NetworkError} NETWORK_LISTEN */
  static async listen(address: PageAddress, served: Served): Promise<PageServer> {
    const page = new PageServer(address, served)
    page.server.listen({ host: address.host, port: address.port })
    try {
      await once(page.server, 'listening')
    } catch (error) {
      const isTaken = String(error).includes('EADDRINUSE')
      throw new NetworkError({
        code: 'NETWORK_LISTEN',
        what: `cannot serve a page on ${shownHost(address.host)}:${address.port}${isTaken ? ': the port is in use' : ''}`,
        hint: isTaken ? 'Give --page another port; 0 takes any.' : 'Give --page an address of this machine.',
        cause: error,
      })
    }
    return page
  }

  get url(): string {
    return `http://${this.authority}/${this.token}/`
  }

  /** Whether anybody is looking. */
  get isRead(): boolean {
    return this.readers.size > 0
  }

  /** Sends what has changed to all readers. */
  update(): void {
    this.guarded(() => {
      const parts = this.served.parts()
      for (const reader of this.readers) this.send(reader, parts)
    })
  }

  /** Sends the last changes and lets the readers go. From here on the page is answered, and no events. */
  async end(): Promise<void> {
    this.update()
    this.ended = true
    const gone = [...this.readers].map(({ response }) => once(response, 'close').catch(() => undefined))
    for (const { response } of this.readers) response.end('event: end\ndata: {}\n\n')
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, FAREWELL_MS)
    await Promise.race([Promise.all(gone), late])
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    this.server.closeAllConnections()
    await closed
  }

  private get authority(): string {
    return `${shownHost(this.address.host)}:${(this.server.address() as AddressInfo).port}`
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const [, token = '', name, ...more] = (request.url ?? '').split('/')
    if (!this.isMeantFor(request)) refuse(response, 403)
    else if (!this.isToken(token) || more.length > 0) refuse(response, 404)
    else if (request.method !== 'GET') refuse(response, 405)
    else if (name === '') this.page(response)
    else if (name === 'events' && !this.ended) this.events(response)
    else refuse(response, 404)
  }

  /** A picture that cannot be drawn must not end the command. */
  private guarded(task: () => void, otherwise: () => void = () => undefined): void {
    try {
      task()
    } catch (error) {
      this.served.onFailure(error)
      otherwise()
    }
  }

  /** Whether the request names this server, and comes from nowhere else. */
  private isMeantFor({ headers }: IncomingMessage): boolean {
    const { host, origin } = headers
    const isAnyHost = this.address.isOpen || host === this.authority
    return isAnyHost && (origin === undefined || origin === `http://${host}`)
  }

  private isToken(text: string): boolean {
    const [given, own] = [text, this.token].map((token) => Buffer.from(token))
    return given.length === own.length && timingSafeEqual(given, own)
  }

  private page(response: ServerResponse): void {
    const { served } = this
    const document = served.document()
    const headers = {
      ...HEADERS,
      'content-security-policy': `${served.policy()}; frame-ancestors 'none'`,
      'content-type': 'text/html; charset=utf-8',
    }
    response.writeHead(200, headers).end(document)
  }

  private events(response: ServerResponse): void {
    if (this.readers.size >= MAX_READERS) {
      refuse(response, 503)
      return
    }
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
    const reader: Reader = { response, has: new Map() }
    this.readers.add(reader)
    response.on('close', () => this.readers.delete(reader))
    response.on('drain', () => this.guarded(() => this.send(reader, this.served.parts())))
    this.send(reader, this.served.parts())
  }

  private send({ response, has }: Reader, parts: ReadonlyMap<string, string>): void {
    if (this.ended || response.writableLength > MAX_WAITING_BYTES) return
    const changed = [...parts].filter(([id, html]) => has.get(id) !== html)
    if (changed.length === 0 && has.size === parts.size) return
    has.clear()
    for (const [id, html] of parts) has.set(id, html)
    const told = { order: [...parts.keys()], parts: changed.map(([id, html]) => ({ id, html })) }
    response.write(`event: parts\ndata: ${JSON.stringify(told)}\n\n`)
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, HEADERS).end()
}

/** An address of IPv6 stands in brackets in an URL. */
function shownHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
