/** A worker thread of the engine: takes jobs one at a time and answers with events and a result. */
import { parentPort, workerData } from 'node:worker_threads'
import { refusalToObject } from '../errors.ts'
import { createHandlers } from './handlers.ts'
import type { JobContext, JobName, Jobs } from './jobs.ts'
import type { FromWorker, ToWorker } from './messages.ts'

if (parentPort === null) throw new Error('the engine worker runs in a worker thread')
const port = parentPort
const handlers = createHandlers((workerData as { threads: number }).threads)
const running = new Map<number, AbortController>()

port.on('message', (message: ToWorker) => {
  if (message.type === 'cancel') running.get(message.id)?.abort()
  else void run(message)
})

async function run<Name extends JobName>({
  id,
  name,
  args,
}: {
  id: number
  name: Name
  args: Jobs[Name]['args']
}): Promise<void> {
  const controller = new AbortController()
  running.set(id, controller)
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  const context: JobContext = { signal: controller.signal, emit: (event) => post({ type: 'event', id, event }) }
  try {
    const result = await (handlers[name] as (args: Jobs[Name]['args'], context: JobContext) => Promise<unknown>)(
      args,
      context,
    )
    post({ type: 'result', id, result }, transferable(result))
  } catch (error) {
    const refusal = refusalToObject(error)
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    post({ type: 'error', id, aborted: controller.signal.aborted, refusal, stack })
  } finally {
    running.delete(id)
  }
}

/** A typed array result is moved, not copied. */
function transferable(result: unknown): ArrayBuffer[] {
  const whole =
    ArrayBuffer.isView(result) && result.buffer instanceof ArrayBuffer && result.byteLength === result.buffer.byteLength
  return whole ? [result.buffer as ArrayBuffer] : []
}
