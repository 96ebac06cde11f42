/**
 * Watches the event loop of the process that it is loaded into (`--import`) from start to end, and writes what it saw
 * to the file that COPPICE_EVENT_LOOP names.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

export interface LoopReport {
  /** The longest stall before the first process was started, in milliseconds: modules are loaded until then. */
  loading: number
  /** When that was, in milliseconds from the start. */
  loaded: number
  /** The longest stall from then to the end, as perf_hooks counts. */
  longest: number
  /** Gaps beyond NOTABLE_MS: when they ended and how long they were, in milliseconds. */
  stalls: Array<{ at: number; ms: number }>
}

const RESOLUTION_MS = 10
const NOTABLE_MS = 50

const { COPPICE_EVENT_LOOP: file } = process.env
if (isMainThread && file !== undefined) {
  delete process.env['COPPICE_EVENT_LOOP'] // the processes that this one starts are not meant
  watch(file)
}

function watch(path: string): void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const report: LoopReport = { loading: 0, loaded: 0, longest: 0, stalls: [] }
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    const ms = now - last - RESOLUTION_MS
    if (ms > NOTABLE_MS) report.stalls.push({ at: now, ms })
    last = now
  }
  setInterval(look, RESOLUTION_MS).unref()
  const onLoaded = () => {
    unsubscribe('child_process', onLoaded)
    report.loaded = performance.now()
    look()
    report.loading = Math.max(0, ...report.stalls.map(({ ms }) => ms))
    report.stalls = []
    histogram.enable()
  }
  subscribe('child_process', onLoaded)
  process.once('exit', () => {
    look()
    report.longest = histogram.max / 1e6 - RESOLUTION_MS
    writeFileSync(path, JSON.stringify(report))
  })
}
