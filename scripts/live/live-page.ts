/**
 * The page of a command, which a person watches while it runs: the pictures of its report, as far as they are known.
 * Without --page there is none, and nothing is drawn.
 */
import type { PageAddress } from '../options/page.ts'
import type { DrawnBefore, Page } from '../report/html/page.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { PageServer } from './page-server.ts'

/** The shortest time between two changes: drawing a large federation takes a tenth of a second. */
const UPDATE_MS = 2000

const BEGINNING: Page = {
  title: 'Coppice is starting',
  lead: 'Pictures appear as soon as there is something to see.',
  ...{ facts: [], sections: [], sources: [] },
}

export class LivePage implements AsyncDisposable {
  private readonly terminal: Pick<Terminal, 'note'>
  private view: () => Page = () => BEGINNING
  private final: Page | null = null
  private isDue = false
  private server: PageServer | null = null
  private timer: NodeJS.Timeout | undefined

  private constructor(terminal: Pick<Terminal, 'note'>) {
    this.terminal = terminal
  }

  /** @param address - null: there is no page. @throws {NetworkError} NETWORK_LISTEN */
  static async open(address: PageAddress | null, terminal: Pick<Terminal, 'note'>): Promise<LivePage> {
    const page = new LivePage(terminal)
    if (address !== null) await page.serve(address)
    return page
  }

  /** Says where the page is. */
  announce(): void {
    if (this.server === null) return
    this.terminal.note(`Live page (whoever has this address can read it): ${this.server.url}`)
  }

  /** Takes another view, and soon shows it. It is called only when somebody looks. */
  show(view: () => Page): void {
    this.view = view
    this.isDue = true
  }

  /** The view shows something else than before. */
  touch(): void {
    this.isDue = true
  }

  /** Shows the report of the command: nothing comes after it. */
  async end(page: Page): Promise<void> {
    this.final = page
    clearInterval(this.timer)
    await this.server?.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer)
    await this.server?.[Symbol.asyncDispose]()
  }

  private async serve(address: PageAddress): Promise<void> {
    // Both are loaded only where there is a page: one brings the library of charts.
    const { pageParts, LIVE_POLICY, liveDocument, reportDocument, STATIC_POLICY } = await import('./live-document.ts')
    const { PageServer } = await import('./page-server.ts')
    const before: DrawnBefore = new Map()
    this.server = await PageServer.listen(address, {
      document: () => (this.final === null ? liveDocument(this.view(), before) : reportDocument(this.final)),
      policy: () => (this.final === null ? LIVE_POLICY : STATIC_POLICY),
      parts: () => new Map([...pageParts(this.final ?? this.view(), before)].map(([id, { source }]) => [id, source])),
      onFailure: (error) => this.terminal.note(`The live page could not be drawn: ${error}`),
    })
    this.timer = setInterval(() => this.update(), UPDATE_MS).unref()
  }

  private update(): void {
    if (!this.isDue || this.server?.isRead !== true) return
    this.isDue = false
    this.server.update()
  }
}
