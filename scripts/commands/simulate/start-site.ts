/** Starts a site of a simulation, in this process or in one of its own. */
import { fork } from 'node:child_process'
import { extname, join } from 'node:path'
import { refusalFromObject } from '../../../src/base/errors.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import type { JobEngine } from '../../../src/jobs/open-engine.ts'
import { runSite, type SiteEvent, type SiteJob, type SiteResult } from './site.ts'
import type { FromSite, ToSite } from './site-process.ts'

export interface SiteHost {
  engine: JobEngine
  description: ModelDescription
  /** Resolves when pruning may begin. */
  gate: Promise<void>
  signal: AbortSignal
  processes: boolean
}

/** Starts a site. Resolves when the site has done all its rounds and nobody needs it any more. */
export function startSite(job: SiteJob, host: SiteHost, onEvent: (event: SiteEvent) => void): Promise<SiteResult> {
  return host.processes ? startProcess(job, host, onEvent) : runSite(job, { ...host, onEvent })
}

function startProcess(
  job: SiteJob,
  { gate, signal }: SiteHost,
  onEvent: (event: SiteEvent) => void,
): Promise<SiteResult> {
  const script = join(import.meta.dirname, `site-process${extname(import.meta.url)}`)
  const child = fork(script, [], { serialization: 'advanced' })
  const send = (message: ToSite) => void (child.connected && child.send(message))
  const stop = () => send({ type: 'stop' })
  const done = new Promise<SiteResult>((resolve, reject) => {
    child.on('message', (message: FromSite) => {
      if (message.type === 'event') onEvent(message.event)
      else if (message.type === 'result') resolve(message.result)
      else if (signal.aborted) reject(signal.reason)
      else if (message.refusal) reject(refusalFromObject(message.refusal))
      else reject(Object.assign(new Error(`the process of ${job.name} failed`), { stack: message.stack }))
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`the process of ${job.name} ended with code ${code}`)))
  })
  signal.addEventListener('abort', stop, { once: true })
  send({ type: 'job', job })
  void gate.then(() => send({ type: 'go' }))
  return done.finally(() => signal.removeEventListener('abort', stop))
}
