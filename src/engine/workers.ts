/**
 * Where jobs run: a thread, which is cheap and shares nothing but the process's memory, or a process, which gives all
 * its memory back when it ends (memory that a thread frees stays with the process: measured, 250 MB after one prune).
 */
import '../runtime/no-telemetry.ts'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { InputError } from '../base/errors.ts'
import { runtimeRefusal } from '../runtime/runtime-refusal.ts'
import type { FromWorker, ToWorker } from './messages.ts'

export type WorkerKind = 'thread' | 'process'

export interface RunningWorker {
  post(message: ToWorker): void
  end(): Promise<void>
}

interface WorkerEvents {
  onMessage(message: FromWorker): void
  /** Called if the worker ends by itself, unasked. */
  onFailure(error: Error): void
}

/**
 * For glibc: freed pieces of 1 MiB or more go back to the system at once. By default that limit grows with the largest
 * piece so far (measured on 135 M parameters: 70 MB less after a few blocks). Allocators of other systems ignore it.
 */
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) }

/**
 * For V8: the code may ask for garbage collection (see runtime/memory.ts), and young objects are collected after 2 MiB
 * of them instead of 16, in each thread. That frees the buffers that belong to them (measured on 135 M parameters,
 * SparseGPT: 75 MB less, in the same time; 4 MiB save 10).
 */
export const COLLECTOR = ['--expose-gc', '--max-semi-space-size=2']

/**
 * The program of a worker, and its settings: a thread finds them in `workerData`, a process as JSON in its argument.
 */
export interface WorkerProgram {
  program: URL
  settings: object
}

export function startWorker(kind: WorkerKind, program: WorkerProgram, events: WorkerEvents): RunningWorker {
  return kind === 'thread' ? startThread(program, events) : startProcess(program, events)
}

/** The id of a thread that has ended. */
const NONE = -1

function startThread({ program, settings }: WorkerProgram, { onMessage, onFailure }: WorkerEvents): RunningWorker {
  const worker = new Worker(program, { workerData: settings })
  worker.on('message', onMessage)
  worker.on('error', onFailure)
  worker.on('exit', (code) => onFailure(new Error(`an engine worker ended with code ${code}`)))
  return {
    post: (message) => worker.postMessage(message),
    async end() {
      worker.removeAllListeners()
      if (worker.threadId === NONE) return
      const gone = once(worker, 'exit')
      worker.postMessage({ type: 'end' } satisfies ToWorker)
      await gone
    },
  }
}

function startProcess({ program, settings }: WorkerProgram, { onMessage, onFailure }: WorkerEvents): RunningWorker {
  const child = fork(program, [JSON.stringify(settings)], {
    serialization: 'advanced',
    execArgv: [...process.execArgv, ...COLLECTOR],
    env: { ...process.env, ...ALLOCATOR },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-MAX_WORDS_CHARS)
  })
  child.on('message', onMessage)
  child.on('error', onFailure)
  child.on('exit', (code, signal) => onFailure(endOf(code, signal, words)))
  return {
    post: (message) => void child.send(message),
    async end() {
      child.removeAllListeners()
      if (child.exitCode !== null || child.signalCode !== null) return
      const { promise, resolve } = Promise.withResolvers<void>()
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
      child.kill('SIGKILL') // it holds nothing that another job needs
      await promise
    },
  }
}

/** The number of characters that are kept from the end of a process's stderr: enough for a crash and a stack trace. */
const MAX_WORDS_CHARS = 8192

/** The reason why a process ended by itself. ONNX Runtime aborts on some models instead of refusing them. */
export function endOf(code: number | null, signal: NodeJS.Signals | null, words: string): Error {
  if (signal === 'SIGKILL') {
    return new InputError({
      code: 'MEMORY_SHORT',
      what: 'the system has ended the process that ran the model (SIGKILL), most often because memory ran out',
      hint: 'Close other programs, or use fewer windows or shorter ones.',
    })
  }
  if (signal !== null)
    return runtimeRefusal('the model', 'does not run', `it ended its process with ${signal}. ${words}`)
  return new Error(`an engine process ended with code ${code}\n${words}`)
}
