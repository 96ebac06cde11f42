/** Mutated models and configurations, opened and run as commands do. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { refusalFromObject, type refusalToObject } from '../../src/base/errors.ts'
import { type ModelProto, ModelProtoSchema } from '../../src/onnx/generated/onnx_pb.js'
import { runtimeRefusal } from '../../src/runtime/runtime-refusal.ts'
import { groupQueryDecoder, multiHeadDecoder, standardAttentionDecoder } from '../support/models/graphs.ts'
import { MERGED, mergeDecoder } from '../support/models/merged.ts'
import { fixturePath } from '../support/shared.ts'
import { type Fuzz, mutateJson } from './frame.ts'
import { mutateModel } from './mutate-model.ts'

/**
 * Small, since each mutation writes them: float32 by exporters, weights inside and beside, fused operators, branches.
 */
const FIXTURES = ['decoders/llama-gqa-tied/external', 'decoders/llama-gqa-tied/genai', 'decoders/opt/optimum-past']

interface Base {
  dir: string
  proto: ModelProto
}

export function basesIn(scratch: string): Base[] {
  mkdirSync(scratch, { recursive: true })
  const copies = FIXTURES.map((fixture, k) => {
    const dir = join(scratch, `${k}`)
    cpSync(fixturePath(fixture), dir, { recursive: true })
    return dir
  })
  const made = [
    groupQueryDecoder(join(scratch, 'group-query'), 'float', 16),
    multiHeadDecoder(join(scratch, 'multi-head'), true),
    standardAttentionDecoder(join(scratch, 'standard'), 'apart'),
  ]
  const merged = join(scratch, 'merged')
  mergeDecoder(copies[2], merged, 'outer')
  renameSync(join(merged, MERGED), join(merged, 'model.onnx'))
  return [...copies, ...made, merged].map((dir) => ({
    dir,
    proto: fromBinary(ModelProtoSchema, readFileSync(join(dir, 'model.onnx'))),
  }))
}

/**
 * `open`: looked at, weights included; `compare`: run, in plain ONNX Runtime as well; `change`: run, differentiated,
 * followed, cut and written.
 */
export type How = 'open' | 'compare' | 'change'

export interface Task {
  dir: string
  how: How
}

/** The outcome, and the process's memory. */
export interface Answer {
  refusal: ReturnType<typeof refusalToObject>
  stack: string | null
  bytes: number
  /** Processor time that it took. */
  ms: number
}

/** Opens and runs models in a process of its own, one at a time. */
export class Runner implements Disposable {
  /** Memory of the process at the last answer. */
  bytes = 0
  /** Processor time of all answers. */
  ms = 0
  private child: ChildProcess | undefined

  /** @throws {CoppiceError} as a command would; {Error} a bug, or a hang */
  async run(task: Task): Promise<void> {
    this.child ??= fork(PROGRAM, { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const { child } = this
    const gone = new AbortController()
    child.send(task)
    try {
      const [answer] = (await Promise.race([
        once(child, 'message', { signal: gone.signal }),
        once(child, 'exit', { signal: gone.signal }).then(([, signal]) => {
          throw runtimeRefusal('the model', 'does not run', `it ended its process with ${signal}`)
        }),
        delay(HANG_MS, undefined, { signal: gone.signal }).then(() => {
          throw new Error('it hangs')
        }),
      ])) as [Answer]
      this.bytes = answer.bytes
      this.ms += answer.ms
      if (answer.refusal !== null) throw refusalFromObject(answer.refusal)
      if (answer.stack !== null) throw new Error(answer.stack)
    } catch (error) {
      if (child.signalCode !== null || (error instanceof Error && error.message === 'it hangs')) this[Symbol.dispose]()
      throw error
    } finally {
      gone.abort()
    }
  }

  [Symbol.dispose](): void {
    this.child?.kill('SIGKILL')
    this.child = undefined
  }
}

const PROGRAM = new URL('./runner.ts', import.meta.url)
/** Much more than LONGEST_MS, which is processor time: other work on the machine is no hang. */
const HANG_MS = 60_000

/** Mutated models. */
export function modelAttempt(runner: Runner, bases: readonly Base[], how: How): Fuzz['attempt'] {
  return async (chance, tell) => {
    const { dir, proto } = chance.of(bases)
    const { what, content } = mutateModel(chance, proto)
    tell(`${dir}: ${what}`)
    writeFileSync(join(dir, 'model.onnx'), content)
    await runner.run({ dir, how })
  }
}

/** Mutated configurations of a model that is whole (again). */
export function configAttempt(runner: Runner, { dir, proto }: Base): Fuzz['attempt'] {
  writeFileSync(join(dir, 'model.onnx'), toBinary(ModelProtoSchema, proto))
  const text = readFileSync(join(dir, 'config.json'), 'utf8')
  return async (chance, tell) => {
    const { what, content } = mutateJson(chance, text)
    tell(`${dir}: ${what}`)
    writeFileSync(join(dir, 'config.json'), content, 'latin1')
    await runner.run({ dir, how: 'open' })
  }
}
