/** The process of runPlain: one model, one run, one answer. */
import * as ort from 'onnxruntime-node'
import type { PlainAnswer, PlainRun } from './plain.ts'

// Ctrl-C reaches every process of the terminal; the command itself decides what it means.
process.on('SIGINT', () => undefined)
process.once('disconnect', () => process.exit())
process.once('message', (run: PlainRun) => {
  answer(run)
    .catch((error: unknown): PlainAnswer => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((result) => process.send?.(result, () => process.disconnect()))
})

// ONNX Runtime's binding knows fp16 as Uint16Array only; its JavaScript takes Float16Array wherever there is one.
const Half = Float16Array
Reflect.deleteProperty(globalThis, 'Float16Array')

async function answer({ model, feeds, output, threads }: PlainRun): Promise<PlainAnswer> {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: threads, logSeverityLevel: 3 })
  const wanted = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))
  const tensors = wanted.map(([name, { type, data, dims }]) => [
    name,
    new ort.Tensor(type as 'float32', data as Float32Array, dims),
  ])
  const results = await session.run(Object.fromEntries(tensors), [output])
  const { data, type } = results[output]
  if (type !== 'float16') return { values: data as Float32Array }
  const { buffer, byteOffset, length } = data as Uint16Array
  return { values: Float32Array.from(new Half(buffer, byteOffset, length)) }
}
