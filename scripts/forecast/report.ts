/** A forecast as programs read it: docs/reference/forecast.md. */
import type { Disk } from './need.ts'

/** The one object of --dry-run --json. */
export interface ForecastReport {
  forecast: {
    /** From the start of the command to its end, waits for other sites left out. */
    seconds: number
    /** That of the command's process and the largest one that computes for it, as its report has it at the end. */
    peakMemoryBytes: number
    disk: Disk
    sentBytes: number
  }
  /** Seconds of the measurement itself. */
  measuredSeconds: number
}
