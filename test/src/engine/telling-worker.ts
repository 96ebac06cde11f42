/** A worker for a test: a job is answered with its name, its arguments and what the worker was told at its start. */
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker } from '../../../src/engine/messages.ts'

const settings = parentPort ? workerData : JSON.parse(process.argv[2])
const post = (message: FromWorker) => (parentPort ? parentPort.postMessage(message) : process.send?.(message))

function receive(message: ToWorker): void {
  if (message.type === 'end') parentPort?.close()
  if (message.type !== 'run') return
  const { id, name, args } = message
  post({ type: 'event', id, event: 'begun' })
  post({ type: 'result', id, result: { name, args, settings }, peakBytes: 0 })
}

if (parentPort) parentPort.on('message', receive)
else process.on('message', receive)
