/**
 * Runs a model file whole, as anybody would, in a process of its own: nothing of Coppice touches the graph, and the
 * memory that a whole model takes goes back when it is done. Weights beside the graph are mapped, not read.
 */
import { fork } from 'node:child_process'
import { extname } from 'node:path'
import type { Tensor } from './onnx-runtime.ts'
import { runtimeRefusal } from './runtime-refusal.ts'

export interface PlainTensor {
  type: Tensor.Type
  data: Tensor.DataType
  dims: readonly number[]
}

/** A tensor as it can be sent to a process: fp16 as bits, since V8 does not serialise a Float16Array. */
export function plainTensor({ type, data, dims }: Tensor): PlainTensor {
  if (type !== 'float16') return { type, data, dims }
  const { buffer, byteOffset, length } = data as Uint16Array
  return { type, data: new Uint16Array(buffer, byteOffset, length), dims }
}

/** A model, its inputs, and the expected output. */
export interface PlainRun {
  model: string
  feeds: Record<string, PlainTensor>
  /** The name of the output to compare. */
  output: string
  /** The expected values of the output. */
  expected: Float32Array
  threads: number
}

/** Models to be run on the same tokens, in turns. */
export interface PlainRace {
  models: (Pick<PlainRun, 'model' | 'output'> & { feeds: PlainRun['feeds'][] })[]
  /** The least seconds of a turn: a model runs on its feeds until they have passed, at least once. */
  least: number
  /** The number of turns that count. One more turn before them warms up. */
  turns: number
  threads: number
}

/** A model to be loaded and run once. Its output is not compared. */
export type PlainAttempt = Omit<PlainRun, 'expected'>

/** A message to the process. */
export type PlainTask = { compare: PlainRun } | { race: PlainRace } | { attempt: PlainAttempt }

/**
 * The largest difference over the largest expected value; seconds by model, feeds and turn; or ONNX Runtime's message.
 */
export type PlainAnswer = { difference: number } | { seconds: number[][][] } | { runs: true } | { error: string }

/** The messages of ONNX Runtime and of the C++ library when memory runs out. */
const NO_MEMORY = /bad_alloc|failed to allocate|out of memory|cannot allocate memory/i

/**
 * The largest difference from what is expected, over the largest expected value; null where there is not enough memory
 * to run the model whole.
 * @throws {InputError} MODEL_REFUSED_BY_RUNTIME; or the signal's reason
 */
export async function runPlain(run: PlainRun, signal?: AbortSignal): Promise<number | null> {
  const answer = await ask(run.model, { compare: run }, signal)
  return answer !== null && 'difference' in answer ? answer.difference : null
}

/**
/**
 * Whether a model loads and runs; false where there is not enough memory to run it whole.
 * @throws {InputError} MODEL_REFUSED_BY_RUNTIME; or the signal's reason
 */
export async function attemptPlain(attempt: PlainAttempt, signal?: AbortSignal): Promise<boolean> {
  return (await ask(attempt.model, { attempt }, signal)) !== null
}

/**
 * Seconds of one run, by model, feeds and turn: a turn's median. null where there is not enough memory for all models
 * at once.
 * @throws {InputError} MODEL_REFUSED_BY_RUNTIME; or the signal's reason
 */
export async function racePlain(race: PlainRace, signal?: AbortSignal): Promise<number[][][] | null> {
  const answer = await ask(race.models[0].model, { race }, signal)
  return answer !== null && 'seconds' in answer ? answer.seconds : null
}

/** null: there was no memory. */
async function ask(model: string, task: PlainTask, signal?: AbortSignal): Promise<PlainAnswer | null> {
  signal?.throwIfAborted()
  const program = new URL(`./reference-run-process${extname(import.meta.url)}`, import.meta.url)
  const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const kill = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      child.once('message', (answer: PlainAnswer) => {
        if (!('error' in answer)) resolve(answer)
        else if (NO_MEMORY.test(answer.error)) resolve(null)
        else reject(runtimeRefusal(model, 'does not run', answer.error))
      })
      child.once('error', reject)
      child.once('exit', (code, end) =>
        reject(signal?.reason ?? runtimeRefusal(model, 'does not run', `its process ended with ${end ?? code}`)),
      )
      child.send(task)
    })
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}
