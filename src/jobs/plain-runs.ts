/**
 * Jobs that are followed by a plain run of ONNX Runtime, in its own process: a model that is read or written must run
 * there.
 */
import type { JobOptions } from '../engine/lane.ts'
import type { BlockZeros } from '../model/write/zeros.ts'
import { attemptPlain, racePlain, runPlain } from '../runtime/reference-run.ts'
import type { JobEvent } from './job.ts'
import type { WriteArgs } from './model/write.ts'
import type { JobEngine } from './open-engine.ts'
import type { ShrinkArgs, ShrunkModel } from './structure/shrink-args.ts'

/**
 * The number of turns of base and smaller model: enough to tell a difference from noise, see
 * scripts/report/time-change.ts.
 */
const RACE_TURNS = 11
/**
 * The least seconds of a turn, for each model. That is many runs of a small model, and one run of 512 tokens for 135 M
 * parameters.
 */
const RACE_SECONDS = 0.02

type Options = JobOptions<JobEvent>

export interface WrittenModel {
  /**
   * The largest difference of logits in plain ONNX Runtime from the engine's own, over the largest logit; null where
   * there is not enough memory to run the model whole.
   */
  difference: number | null
  /** The zeros of the written model. */
  zeros: BlockZeros
}

export interface CheckedModel extends Omit<ShrunkModel, 'run' | 'race'> {
  difference: number | null
  /** Seconds of each turn of base and result on the tokens of `check`; null if memory is too short for both. */
  prefill: [before: number[], after: number[]] | null
  /** The same for writing one token after them; null also if the graph keeps no keys and values. */
  decode: [before: number[], after: number[]] | null
}

/**
 * Loads a model in plain ONNX Runtime and runs it on a few tokens: a model that ONNX Runtime refuses is refused before
 * any work. If memory is too short for the whole model, neither this check nor the one of the written model is made.
 * @throws {InputError} MODEL_REFUSED_BY_RUNTIME
 */
export async function attemptModel(engine: JobEngine, dir: string, options: Options = {}): Promise<void> {
  await attemptPlain(await engine.run('attempt', { dir }, options), options.signal)
}

/** Writes a model, counts its zeros, and runs it in plain ONNX Runtime. */
export async function writeChecked(engine: JobEngine, args: WriteArgs, options: Options = {}): Promise<WrittenModel> {
  const { run, zeros } = await engine.run('write', args, options)
  await engine.rest('writing')
  return { difference: await runPlain(run, options.signal), zeros }
}

/** Shrinks a model, compares what was written in plain ONNX Runtime, and times base and result there. */
export async function shrinkChecked(engine: JobEngine, args: ShrinkArgs, options: Options = {}): Promise<CheckedModel> {
  const { run, race: models, ...shrunk } = await engine.run('shrink', args, options)
  await engine.rest()
  const difference = await runPlain(run, options.signal)
  const race = { models, least: RACE_SECONDS, turns: RACE_TURNS, threads: run.threads }
  const seconds = await racePlain(race, options.signal)
  const of = (feeds: number): CheckedModel['prefill'] => seconds && [seconds[0][feeds], seconds[1][feeds]]
  return { ...shrunk, difference, prefill: of(0), decode: models[0].feeds.length > 1 ? of(1) : null }
}
