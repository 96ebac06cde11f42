/** A worker of the engine, thread or process: takes jobs one at a time and answers with events and a result. */
import { parentPort, workerData } from 'node:worker_threads'
import { refusalToObject } from '../base/errors.ts'
import type { FromWorker, ToWorker } from '../engine/messages.ts'
import { Bench, type WorkerSettings } from './bench.ts'
import type { Job, JobContext } from './job.ts'
import { JOBS, type JobName } from './jobs.ts'

const bench = new Bench((parentPort ? workerData : JSON.parse(process.argv[2])) as WorkerSettings)
const running = new Map<number, AbortController>()
let ending = false

if (parentPort) parentPort.on('message', receive)
else {
  process.on('message', receive)
  // Not by exit(): threads in the middle of ONNX Runtime would abort it with a message.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  // Ctrl-C reaches every process of the terminal; the command itself decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
}

function receive(message: ToWorker): void {
  if (message.type === 'cancel') running.get(message.id)?.abort()
  else if (message.type === 'run') void run(message)
  else {
    ending = true
    for (const controller of running.values()) controller.abort()
    endIfIdle()
  }
}

/** A thread ends by itself: one that is terminated inside ONNX Runtime takes the whole process with it. */
function endIfIdle(): void {
  if (ending && running.size === 0) parentPort?.close()
}

function post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  if (parentPort) parentPort.postMessage(message, transfer)
  else process.send?.(message)
}

async function run({ id, name, args }: Extract<ToWorker, { type: 'run' }>): Promise<void> {
  const controller = new AbortController()
  running.set(id, controller)
  const context: JobContext = { signal: controller.signal, emit: (event) => post({ type: 'event', id, event }) }
  try {
    const result = await (JOBS[name as JobName] as Job<unknown, unknown>)(args, bench, context)
    const peakBytes = parentPort ? 0 : process.resourceUsage().maxRSS * 1024
    post({ type: 'result', id, result, peakBytes }, transferable(result))
  } catch (error) {
    const refusal = refusalToObject(error)
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    // An error other than the signal's reason is a failure, even while the job is being stopped.
    const aborted = controller.signal.aborted && error === controller.signal.reason
    post({ type: 'error', id, aborted, refusal, stack })
  } finally {
    running.delete(id)
    endIfIdle()
  }
}

/** A typed array result is moved, not copied. */
function transferable(result: unknown): ArrayBuffer[] {
  const whole =
    ArrayBuffer.isView(result) && result.buffer instanceof ArrayBuffer && result.byteLength === result.buffer.byteLength
  return whole ? [result.buffer as ArrayBuffer] : []
}
