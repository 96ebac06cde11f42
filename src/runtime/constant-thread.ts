/**
 * A thread that computes constants for ConstantSessions: one task in, its answer out, and whoever waits is woken. null
 * ends it.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { ConstantAnswer, ConstantTask, ConstantWorkerData } from './constant-sessions.ts'
import * as ort from './onnx-runtime.ts'
import { dataTypeOf, tensorOfBytes } from './session.ts'

const { answers, bell } = workerData as ConstantWorkerData
parentPort?.on('message', async (task: ConstantTask | null) => {
  if (task === null) {
    parentPort?.close()
    answers.close()
    return
  }
  answers.postMessage(await answerTo(task))
  Atomics.store(bell, 0, 1)
  Atomics.notify(bell, 0)
})

Atomics.store(bell, 0, 1)
Atomics.notify(bell, 0)

async function answerTo(task: ConstantTask): Promise<ConstantAnswer> {
  try {
    return await answer(task)
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

async function answer({ model, fed }: ConstantTask): Promise<ConstantAnswer> {
  // Numbers are computed node by node, as they stand. To know sizes, those of shapes alone have to be computed.
  const graphOptimizationLevel = fed === null ? 'basic' : 'disabled'
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    graphOptimizationLevel,
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  })
  try {
    if (fed === null) {
      const [value] = session.outputMetadata
      if (!value.isTensor) throw new Error(`"${value.name}" is no tensor`)
      const dims = value.shape.every((size) => typeof size === 'number') ? value.shape : null
      return { dataType: dataTypeOf(value.type), dims, bytes: null }
    }
    const feeds = fed.map(({ name, dataType, dims, bytes }) => [name, tensorOfBytes(dataType, bytes, dims)])
    const value = (await session.run(Object.fromEntries(feeds)))[session.outputNames[0]]
    const { buffer, byteOffset, byteLength } = value.data as Float32Array<ArrayBuffer>
    const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice()
    return { dataType: dataTypeOf(value.type), dims: [...value.dims], bytes }
  } finally {
    await session.release()
  }
}
