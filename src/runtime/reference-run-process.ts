/** The process of runPlain, racePlain and attemptPlain: one task, one answer. */

import { readdirSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { median } from '../base/quantile.ts'
import { stopwatch } from '../base/stopwatch.ts'
import * as ort from './onnx-runtime.ts'
import type { PlainAnswer, PlainAttempt, PlainRace, PlainRun, PlainTask } from './reference-run.ts'
import type { PlainSource } from './reference-run-source.ts'

// Ctrl-C reaches every process of the terminal; the command itself decides what it means.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => process.exit())
process.once('message', (task: PlainTask) => {
  answerTo(task)
    .catch((error: unknown): PlainAnswer => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((result) => process.send?.(result, () => process.disconnect()))
})

// ONNX Runtime's binding knows fp16 as Uint16Array only; its JavaScript takes Float16Array wherever there is one.
const Half = Float16Array
Reflect.deleteProperty(globalThis, 'Float16Array')

/** Weights are used once: packed copies of them would double the memory and gain nothing. */
const ONCE = { disable_prepacking: '1' }

function answerTo(task: PlainTask): Promise<PlainAnswer> {
  if ('compare' in task) return compare(task.compare)
  return 'race' in task ? race(task.race) : attempt(task.attempt)
}

/**
 * As the written model will be, optimisations included: some of them infer shapes, and refuse what contradicts them.
 */
async function attempt({ model, feeds, output, threads }: PlainAttempt): Promise<PlainAnswer> {
  const session = await sessionOf(model, threads, ONCE)
  await session.run(tensorsOf(session, feeds), [output])
  return { runs: true }
}

async function compare({ model, feeds, output, expected, threads }: PlainRun): Promise<PlainAnswer> {
  const session = await sessionOf(model, threads, ONCE)
  const results = await session.run(tensorsOf(session, feeds), [output])
  return { difference: largestDifference(floats(results[output]), expected) }
}

/** In turns, the order of which changes each time: what else the machine does meets all models alike. */
async function race({ models, least, turns, threads }: PlainRace): Promise<PlainAnswer> {
  // A session's threads spin on for a while in the hope of more work, which would be at the cost of the other model.
  const settings = { force_spinning_stop: '1' }
  const runners = await Promise.all(
    models.map(async ({ model, feeds, output }) => {
      const session = await sessionOf(model, threads, settings)
      const tensors = feeds.map((own) => tensorsOf(session, own))
      return { run: (which: number) => session.run(tensors[which], [output]), seconds: feeds.map((): number[] => []) }
    }),
  )
  for (const which of models[0].feeds.keys()) {
    for (let turn = 0; turn <= turns; turn++) {
      for (const { run, seconds } of turn % 2 === 0 ? runners : runners.toReversed()) {
        const taken = median(await timesOf(() => run(which), least))
        if (turn > 0) seconds[which].push(taken)
      }
    }
  }
  return { seconds: runners.map(({ seconds }) => seconds) }
}

/** Seconds of each run, of as many as take `least` seconds together. */
async function timesOf(run: () => Promise<unknown>, least: number): Promise<number[]> {
  const times: number[] = []
  for (let sum = 0; times.length === 0 || sum < least; sum += times[times.length - 1]) {
    const elapsed = stopwatch()
    await run()
    times.push(elapsed())
  }
  return times
}

/**
 * The file itself where nothing beside it is a link or a directory: to read it first would double the time of a start.
 */
async function sourceOf(path: string): Promise<PlainSource> {
  const isPlain = realpathSync(path) === resolve(path)
  if (isPlain && readdirSync(dirname(path), { withFileTypes: true }).every((entry) => entry.isFile())) {
    return { model: path, session: {} }
  }
  Object.assign(globalThis, { Float16Array: Half }) // as it loads, it looks for what was taken away above
  const { plainSource } = await import('./reference-run-source.ts')
  Reflect.deleteProperty(globalThis, 'Float16Array')
  return plainSource(path)
}

async function sessionOf(
  path: string,
  threads: number,
  settings: Record<string, string>,
): Promise<ort.InferenceSession> {
  const { model, session } = await sourceOf(path)
  const options = {
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
    extra: { session: { ...settings, ...session } },
  } as const
  return typeof model === 'string'
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options)
}

function tensorsOf(session: ort.InferenceSession, feeds: PlainRun['feeds']): Record<string, ort.Tensor> {
  const wanted = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))
  const tensors = wanted.map(([name, { type, data, dims }]) => [
    name,
    new ort.Tensor(type as 'float32', data as Float32Array, dims),
  ])
  return Object.fromEntries(tensors)
}

function floats({ data, type }: ort.Tensor): Float32Array {
  if (type !== 'float16') return data as Float32Array
  const { buffer, byteOffset, length } = data as Uint16Array
  return Float32Array.from(new Half(buffer, byteOffset, length))
}

function largestDifference(found: Float32Array, expected: Float32Array): number {
  let largest = 0
  let difference = 0
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]))
    difference = Math.max(difference, Math.abs(expected[i] - found[i]))
  }
  return difference / largest
}
