/**
 * Runs a site's command so that it can be watched, as far as its options say: events as lines on stdout, a log, and
 * metrics. Without them nothing listens, and nothing of all this is loaded.
 */
import type { PeerInit } from '../../peers/peer.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import type { Run } from '../command.ts'
import { VERSION } from '../paths.ts'
import type { MemberReport } from '../report/federation.ts'
import { endOf } from '../terminal/interruption.ts'
import { endingOf } from '../terminal/refusal.ts'
import { eventLine } from './event-lines.ts'
import type { EventLine } from './event-schema.ts'
import type { WatchOptions } from './options.ts'

type Write = (line: EventLine) => void

/** The way in which a command lets itself be watched. */
export interface Watch {
  /** The parts of a peer's start by which metrics look at it; empty without them. */
  init: Pick<PeerInit, 'metrics' | 'onNode' | 'onBook'>
  /** Hears of each event of the peer. null: nobody listens. */
  hear: ((event: PeerEvent) => void) | null
  /** Measures the memory of a command by its engine. */
  measure(engine: { readonly peakMemoryBytes: number }): void
}

/** Events that a peer reports again and again while nothing changes. */
const REPEATED: ReadonlyArray<EventLine['event']> = ['waiting', 'signing', 'contributions', 'neighbours']

/**
 * @param command - its name
 * @throws {OutputError} OUTPUT_UNWRITABLE: the log @throws {NetworkError} NETWORK_METRICS
 * @throws as the work does
 */
export async function watched(
  command: string,
  options: WatchOptions,
  run: Run,
  work: (watch: Watch) => Promise<MemberReport>,
): Promise<MemberReport> {
  await using opened = new AsyncDisposableStack()
  const log = await openLog(options, run, opened)
  const { hear, ...watch } = await openMetrics(options, run, opened)
  const writers = [run.tell, log].filter((write) => write !== undefined)
  const tell = (line: EventLine) => writers.forEach((write) => void write(line))
  const lines = writers.length === 0 ? null : newLines(tell)
  tell({ event: 'start', command, coppice: VERSION, node: process.version, pid: process.pid })
  const heard = [hear, lines].filter((listener) => listener !== null)
  const hearAll = (event: PeerEvent) => heard.forEach((listener) => void listener(event))
  try {
    const report = await work({ ...watch, hear: heard.length === 0 ? null : hearAll })
    const { federation, out, root } = report
    tell({ event: 'result', federation, root, out, report })
    return report
  } catch (error) {
    log?.(errorLine(endOf(error, run.signal)))
    throw error
  }
}

/** A line for each event, but for those that say again what the last of their kind has said. */
function newLines(write: Write): (event: PeerEvent) => void {
  const last = new Map<string, string>()
  return (event) => {
    const line = eventLine(event)
    if (REPEATED.includes(line.event)) {
      const text = JSON.stringify(line)
      if (last.get(line.event) === text) return
      last.set(line.event, text)
    }
    write(line)
  }
}

async function openLog(
  { log }: WatchOptions,
  { terminal }: Run,
  opened: AsyncDisposableStack,
): Promise<Write | undefined> {
  if (log === null) return undefined
  const { Log } = await import('./log.ts')
  const file = opened.use(new Log(log, (reason) => terminal.note(`Lines of the log are lost: ${reason}.`)))
  const onBug = (error: unknown) => file.write(errorLine(error))
  process.on('uncaughtExceptionMonitor', onBug)
  opened.defer(() => void process.off('uncaughtExceptionMonitor', onBug))
  return (line) => file.write(line)
}

async function openMetrics({ metrics }: WatchOptions, { terminal }: Run, opened: AsyncDisposableStack): Promise<Watch> {
  if (metrics === null) return { init: {}, hear: null, measure: () => undefined }
  const [{ PeerMetrics }, { serveMetrics }] = await Promise.all([
    import('./peer-metrics.ts'),
    import('./serve-metrics.ts'),
  ])
  const { facts, init, registry } = new PeerMetrics()
  const { url } = opened.use(await serveMetrics(registry, metrics))
  terminal.note(`Metrics: ${url}`)
  return { init, hear: (event) => facts.hear(event), measure: (engine) => void (facts.engine = engine) }
}

function errorLine(error: unknown): EventLine {
  const { exit, report } = endingOf(error)
  return { event: 'error', ...(report ?? { code: 'BUG', exit, what: String(error), hint: '' }) }
}
