/** A thread of Solvers. It takes a group and answers its pruned layers. */
import { parentPort, workerData } from 'node:worker_threads'
import { refusalToObject } from '../../base/errors.ts'
import { type Arithmetic, openAlgebra } from './arithmetic.ts'
import { type LayerGroup, pruneGroup } from './group.ts'
import { END, type SolverAnswer, wholeBuffers } from './solvers.ts'

if (parentPort === null) throw new Error('this is a worker thread')
const port = parentPort
const algebra = openAlgebra(workerData as Arithmetic)
// Groups are pruned one after the other, so that the memory of one is enough.
let tail: Promise<void> = Promise.resolve()
port.on('message', (message: LayerGroup | typeof END) => {
  tail = tail.then(() => (message === END ? end() : answer(message)))
})

async function end(): Promise<void> {
  await (await algebra).dispose()
  port.close()
}

async function answer(group: LayerGroup): Promise<void> {
  try {
    const layers = await pruneGroup(group, await algebra)
    const message: SolverAnswer = { layers }
    port.postMessage(message, wholeBuffers(layers.flatMap(({ weight, mask }) => [weight, mask])))
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const message: SolverAnswer = { refusal: refusalToObject(error), stack }
    port.postMessage(message)
  }
}
