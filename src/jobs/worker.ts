/**
 * A worker of the engine, thread or process: does jobs one at a time, in their order, and answers with events and a
 * result.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { refusalToObject } from '../base/errors.ts'
import type { FromWorker, ToWorker } from '../engine/messages.ts'
import { Bench, type WorkerSettings } from './bench.ts'
import type { Job, JobContext } from './job.ts'
import { JOBS, type JobName } from './jobs.ts'

const bench = new Bench((parentPort ? workerData : JSON.parse(process.argv[2])) as WorkerSettings)
/** The running job and those that wait for it. */
const taken = new Map<number, AbortController>()
let turn: Promise<void> = Promise.resolve()
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
  if (message.type === 'cancel') taken.get(message.id)?.abort()
  else if (message.type === 'run') {
    const controller = new AbortController()
    taken.set(message.id, controller)
    turn = turn.then(() => run(message, controller))
  } else {
    ending = true
    for (const controller of taken.values()) controller.abort()
    endIfIdle()
  }
}

/** A thread ends by itself: one that is terminated inside ONNX Runtime takes the whole process with it. */
function endIfIdle(): void {
  if (ending && taken.size === 0) parentPort?.close()
}

function post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  if (parentPort) parentPort.postMessage(message, transfer)
  else process.send?.(message)
}

async function run({ id, name, args }: Extract<ToWorker, { type: 'run' }>, controller: AbortController): Promise<void> {
  const context: JobContext = { signal: controller.signal, emit: (event) => post({ type: 'event', id, event }) }
  try {
    controller.signal.throwIfAborted()
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
    taken.delete(id)
    endIfIdle()
  }
}

/** A typed array result is moved, not copied. */
function transferable(result: unknown): ArrayBuffer[] {
  const whole =
    ArrayBuffer.isView(result) && result.buffer instanceof ArrayBuffer && result.byteLength === result.buffer.byteLength
  return whole ? [result.buffer as ArrayBuffer] : []
}
