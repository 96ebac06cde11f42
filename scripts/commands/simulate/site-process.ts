/** The process of one site under --processes. The parent sends a SiteJob, and gets events and the result. */

import { refusalToObject } from '../../../src/base/errors.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { runSite, type SiteEvent, type SiteJob, type SiteResult } from './site.ts'

/** The parent's messages: the job, the permission to begin pruning, the order to stop. */
export type ToSite = { type: 'job'; job: SiteJob } | { type: 'go' } | { type: 'stop' }

export type FromSite =
  | { type: 'event'; event: SiteEvent }
  | { type: 'result'; result: SiteResult }
  | { type: 'failed'; refusal: ReturnType<typeof refusalToObject>; stack: string }

const gate = Promise.withResolvers<void>()
const stop = new AbortController()

process.on('message', (message: ToSite) => {
  if (message.type === 'go') gate.resolve()
  else if (message.type === 'stop') stop.abort(new Error('stopped by the simulation'))
  else void run(message.job)
})
// The parent receives the terminal's signals as well, and decides what to do about them.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(1))

async function run(job: SiteJob): Promise<void> {
  try {
    await using engine = openEngine({ apart: job.apart })
    const description = await engine.run('describe', { dir: job.model })
    const onEvent = (event: SiteEvent) => tell({ type: 'event', event })
    const context = { engine, description, gate: gate.promise, signal: stop.signal, onEvent }
    tell({ type: 'result', result: await runSite(job, context) })
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    tell({ type: 'failed', refusal: refusalToObject(error), stack })
  }
  process.disconnect()
}

function tell(message: FromSite): void {
  process.send?.(message)
}
