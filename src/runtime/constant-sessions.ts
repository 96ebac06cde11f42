/**
 * Runs the constant parts of a graph in ONNX Runtime while the caller waits: tensors are read in the middle of what
 * does not wait for promises. A thread computes; the calling thread sleeps until it is done.
 */
import './no-telemetry.ts'
import { extname } from 'node:path'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { toBinary } from '@bufbuild/protobuf'
import { InputError } from '../base/errors.ts'
import { ModelProtoSchema } from '../onnx/generated/onnx_pb.js'
import type { ConstantModel, ConstantRuntime } from '../onnx/lower/fold-constants.ts'
import { type TensorRef, tensorBytes } from '../onnx/tensor.ts'

export interface ConstantTask {
  /** An ONNX model. */
  model: Uint8Array
  /** null: only what the value is like is wanted. */
  fed: (Pick<TensorRef, 'name' | 'dataType' | 'dims'> & { bytes: Uint8Array<ArrayBuffer> })[] | null
}

/** `dims`: null where only a run tells. */
export type ConstantAnswer =
  | { dataType: number; dims: readonly number[] | null; bytes: Uint8Array | null }
  | { error: string }

export interface ConstantWorkerData {
  answers: MessagePort
  /** Becomes 1 once the thread has started, and once an answer is there. */
  bell: Int32Array
}

/**
 * Longer than a thread needs to load ONNX Runtime on a machine with much other work: it must not be waited for without
 * end.
 */
const START_MS = 120_000

const PROGRAM = new URL(`./constant-thread${extname(import.meta.url)}`, import.meta.url)

export class ConstantSessions implements ConstantRuntime {
  private readonly path: string
  private thread: { worker: Worker; answers: MessagePort; bell: Int32Array } | undefined

  /** @param path - of the model file, for people */
  constructor(path: string) {
    this.path = path
  }

  describe({ proto, fed }: ConstantModel): { dataType: number; dims: number[] } | undefined {
    const model = toBinary(ModelProtoSchema, proto)
    let answer = this.ask({ model, fed: null })
    if ('dims' in answer && answer.dims === null) answer = this.ask({ model, fed: fed.map(withBytes) })
    if ('error' in answer || answer.dims === null) return undefined
    return { dataType: answer.dataType, dims: [...answer.dims] }
  }

  /** @throws {InputError} MODEL_REFUSED_BY_RUNTIME */
  compute({ proto, fed }: ConstantModel): Uint8Array {
    const answer = this.ask({ model: toBinary(ModelProtoSchema, proto), fed: fed.map(withBytes) })
    if ('bytes' in answer && answer.bytes !== null) return answer.bytes
    throw new InputError({
      code: 'MODEL_REFUSED_BY_RUNTIME',
      what: `ONNX Runtime does not compute a constant of ${this.path}: ${'error' in answer ? answer.error : 'no bytes'}`,
      hint: 'Check that the model runs in ONNX Runtime at all; export it again if it does not.',
    })
  }

  private ask(task: ConstantTask): ConstantAnswer {
    const { worker, answers, bell } = (this.thread ??= started())
    Atomics.store(bell, 0, 0)
    worker.postMessage(task)
    Atomics.wait(bell, 0, 0)
    return receiveMessageOnPort(answers)?.message as ConstantAnswer
  }

  /** Ends the thread; the next question starts another. */
  close(): void {
    this.thread?.worker.postMessage(null)
    this.thread = undefined
  }
}

function started() {
  const { port1, port2 } = new MessageChannel()
  const bell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const workerData: ConstantWorkerData = { answers: port2, bell }
  const worker = new Worker(PROGRAM, { workerData, transferList: [port2] })
  worker.unref()
  port1.unref()
  if (Atomics.wait(bell, 0, 0, START_MS) === 'timed-out')
    throw new Error('the thread that computes constants did not start')
  return { worker, answers: port1, bell }
}

function withBytes(tensor: TensorRef) {
  const { name, dataType, dims } = tensor
  return { name, dataType, dims, bytes: tensorBytes(tensor) }
}
