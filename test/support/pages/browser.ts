/** A Chromium of this machine, if there is one, driven over a pipe by its DevTools protocol: no package is needed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const FLAGS = [
  ...['--headless=new', '--remote-debugging-pipe', '--disable-gpu', '--no-first-run', '--hide-scrollbars'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
]

/** The path of a browser; null: none is installed. */
export function installedBrowser(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const paths = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return paths.find(isProgram) ?? null
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

interface Message {
  id?: number
  method?: string
  sessionId?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

type Listener = (method: string, params: Record<string, unknown>) => void

export class Browser implements AsyncDisposable {
  private readonly child: ChildProcess
  private readonly profile: string
  private readonly answers = new Map<number, (message: Message) => void>()
  private readonly listeners = new Map<string, Listener>()
  private sent = 0

  private constructor(path: string) {
    this.profile = mkdtempSync(join(tmpdir(), 'coppice-browser-'))
    const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [] // the sandbox refuses root
    this.child = spawn(path, [...FLAGS, ...root, `--user-data-dir=${this.profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    let rest = ''
    const output = this.child.stdio[4] as Readable
    output.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop() ?? ''
      for (const message of messages) this.receive(JSON.parse(message))
    })
  }

  static open(path: string): Browser {
    return new Browser(path)
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.sent
    const { promise, resolve } = Promise.withResolvers<Message>()
    this.answers.set(id, resolve)
    const input = this.child.stdio[3] as Writable
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    const { error, result = {} } = await promise
    assert.equal(error, undefined, `${method}: ${error?.message}`)
    return result
  }

  /** Opens an address in a new tab, and waits until it is loaded. */
  async visit(url: string, { width, dark = false }: { width: number; dark?: boolean }): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const tab = new Tab(this, String(sessionId))
    this.listeners.set(tab.session, (method, params) => tab.hear(method, params))
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await tab.send(`${domain}.enable`)
    await tab.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false })
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]
    await tab.send('Emulation.setEmulatedMedia', { features })
    await tab.send('Page.navigate', { url })
    await tab.loaded
    return tab
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.child, 'exit')
    this.send('Browser.close').catch(() => undefined)
    await gone
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 })
  }

  private receive(message: Message): void {
    if (message.id !== undefined) {
      this.answers.get(message.id)?.(message)
      this.answers.delete(message.id)
    } else if (message.sessionId !== undefined) {
      this.listeners.get(message.sessionId)?.(message.method ?? '', message.params ?? {})
    }
  }
}

export class Tab {
  readonly session: string
  /** All addresses that the tab has asked for, data: among them. */
  readonly requests: string[] = []
  /** Errors and warnings of the console, and exceptions. */
  readonly problems: string[] = []
  readonly loaded: Promise<void>
  private readonly browser: Browser
  private readonly onLoaded: () => void

  constructor(browser: Browser, session: string) {
    this.browser = browser
    this.session = session
    const { promise, resolve } = Promise.withResolvers<void>()
    this.loaded = promise
    this.onLoaded = resolve
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.browser.send(method, params, this.session)
  }

  hear(method: string, params: Record<string, unknown>): void {
    if (method === 'Page.loadEventFired') this.onLoaded()
    else if (method === 'Network.requestWillBeSent') this.requests.push((params['request'] as { url: string }).url)
    else if (method === 'Runtime.exceptionThrown') this.problems.push(JSON.stringify(params['exceptionDetails']))
    else if (method === 'Runtime.consoleAPICalled') this.problems.push(JSON.stringify(params['args']))
    else if (method === 'Log.entryAdded') this.problems.push(JSON.stringify(params['entry']))
  }

  /** The value of an expression in the page. A promise is awaited. */
  async value(expression: string): Promise<unknown> {
    const { result } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    return (result as { value?: unknown }).value
  }

  /** A picture of the whole page, as PNG. */
  async picture(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true })
    return Buffer.from(String(data), 'base64')
  }
}
