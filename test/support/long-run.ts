/** Samples of a process that runs for long: what it holds, after a garbage collection. */
import { existsSync, readdirSync } from 'node:fs'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface Sample {
  round: number
  seconds: number
  heapBytes: number
  /** Buffers outside of the heap. */
  bufferBytes: number
  residentBytes: number
  /** Open descriptors; 0 where there is no /proc. */
  descriptors: number
  /** The handles that keep the event loop going: sockets, timers, requests. */
  handles: number
  /**
   * How long the event loop stands still: the processor time between two of its turns, so that it does not matter who
   * else wants the processor. Of the time since the last sample, the garbage collection of that one apart.
   */
  loopP99Ms: number
  /** Files that a peer keeps, certificates apart: those of the peer that has most. */
  files: number
}

/** How often the event loop is looked at. */
const RESOLUTION_MS = 10

export class Sampler {
  readonly samples: Sample[] = []
  private readonly collect: () => void
  private readonly loop: RecordableHistogram = createHistogram()
  private busy = process.threadCpuUsage()
  private readonly files: () => number

  constructor(files: () => number) {
    setFlagsFromString('--expose-gc')
    this.collect = runInNewContext('gc')
    this.files = files
    setInterval(() => this.look(), RESOLUTION_MS).unref()
  }

  private look(): void {
    const { user, system } = process.threadCpuUsage(this.busy)
    this.loop.record(Math.max(1, user + system))
    this.busy = process.threadCpuUsage()
  }

  take(round: number): Sample {
    const loopP99Ms = this.loop.percentile(99) / 1e3
    this.collect()
    this.collect() // what the first one has finalised
    const { arrayBuffers, heapUsed, rss } = process.memoryUsage()
    const sample = {
      round,
      seconds: Math.round(process.uptime()),
      heapBytes: heapUsed,
      bufferBytes: arrayBuffers,
      residentBytes: rss,
      descriptors: existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0,
      handles: process.getActiveResourcesInfo().length,
      loopP99Ms: Math.round(loopP99Ms),
      files: this.files(),
    }
    this.samples.push(sample)
    this.loop.reset()
    this.busy = process.threadCpuUsage()
    return sample
  }
}

/** The slope of the line through points that has the least squares of the distances. */
export function slopeOf(points: ReadonlyArray<readonly [x: number, y: number]>): number {
  const mean = (of: (point: readonly [number, number]) => number) => {
    return points.reduce((sum, point) => sum + of(point), 0) / points.length
  }
  const [x0, y0] = [mean(([x]) => x), mean(([, y]) => y)]
  return mean(([x, y]) => (x - x0) * (y - y0)) / mean(([x]) => (x - x0) ** 2)
}
