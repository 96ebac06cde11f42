/**
 * All jobs by name. A worker does them. The command's process imports only their types from here, so it loads neither
 * models nor ONNX Runtime.
 */
import { certify } from './federation/certify.ts'
import { contribute } from './federation/contribute.ts'
import { fedavg } from './federation/fedavg.ts'
import { mask } from './federation/mask.ts'
import { merge } from './federation/merge.ts'
import { products } from './federation/products.ts'
import { describeForms } from './federation/structured-forms.ts'
import { validate } from './federation/validate.ts'
import { attempt } from './model/attempt.ts'
import { compare } from './model/compare.ts'
import { describe } from './model/describe.ts'
import { evaluate } from './model/evaluate.ts'
import { hash } from './model/hash.ts'
import { leftBehind } from './model/left-behind.ts'
import { mark } from './model/mark.ts'
import { mixedInputs } from './model/mixed-inputs.ts'
import { headPace, pace } from './model/pace.ts'
import { write } from './model/write.ts'
import { zeros } from './model/zeros.ts'
import { prune } from './prune/prune.ts'
import { unfinished } from './prune/unfinished.ts'
import { recover } from './structure/recover.ts'
import { shrink } from './structure/shrink.ts'
import { structures } from './structure/structures.ts'
import { unrecovered } from './structure/unrecovered.ts'
import { instructions } from './text/instructions.ts'
import { tokenise } from './text/tokenise.ts'

export const JOBS = {
  ...{ describe, hash, zeros, attempt, evaluate, leftBehind, mixedInputs, write, compare, mark, pace, headPace },
  ...{ tokenise, instructions },
  ...{ prune, unfinished },
  ...{ structures, shrink, recover, unrecovered },
  ...{ structuredForms: describeForms, contribute, products, mask, validate, merge, certify, fedavg },
}

type Table = typeof JOBS

export type JobName = keyof Table

/** Arguments and results, plain data that crosses threads. */
export type Jobs = {
  [Name in JobName]: { args: Parameters<Table[Name]>[0]; result: Awaited<ReturnType<Table[Name]>> }
}
