/**
 * Runs a model file whole, as anybody would, in a process of its own: nothing of Coppice touches the graph, and the
 * memory that a whole model takes goes back when it is done.
 */
import { fork } from 'node:child_process'
import { extname } from 'node:path'
import type { Tensor } from 'onnxruntime-node'
import { InputError } from '../errors.ts'

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

/** What the process is asked. */
export interface PlainRun {
  model: string
  feeds: Record<string, PlainTensor>
  /** The output that is wanted. */
  output: string
  threads: number
}

/** What it answers: the output's values, or ONNX Runtime's message. */
export type PlainAnswer = { values: Float32Array } | { error: string }

/** @throws {InputError} MODEL_REFUSED_BY_RUNTIME */
export function runPlain(run: PlainRun): Promise<Float32Array> {
  const program = new URL(`./plain-process${extname(import.meta.url)}`, import.meta.url)
  const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  return new Promise((resolve, reject) => {
    child.once('message', (answer: PlainAnswer) => {
      if ('values' in answer) resolve(answer.values)
      else reject(refusal(run.model, answer.error))
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(refusal(run.model, `its process ended with ${signal ?? code}`)))
    child.send(run)
  })
}

function refusal(model: string, why: string): InputError {
  return new InputError({
    code: 'MODEL_REFUSED_BY_RUNTIME',
    what: `ONNX Runtime does not run ${model}: ${why}`,
    hint: 'Check that the base model itself runs in ONNX Runtime and that there is memory for the whole model.',
  })
}
