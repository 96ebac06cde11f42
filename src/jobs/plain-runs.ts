/** Jobs with a plain run of ONNX Runtime behind them, in a process of its own: what is read or written must run. */
import type { JobOptions } from '../engine/lane.ts'
import type { BlockZeros } from '../model/write/zeros.ts'
import { attemptPlain, racePlain, runPlain } from '../runtime/reference-run.ts'
import type { JobEvent } from './job.ts'
import type { WriteArgs } from './model/write.ts'
import type { JobEngine } from './open-engine.ts'
import type { ShrinkArgs, ShrunkModel } from './structure/shrink-args.ts'

/** Of the base and of a smaller model: enough to tell a difference from noise, see scripts/report/time-change.ts. */
const RACE_TURNS = 11
/**
 * Seconds of a turn at least, for each: of small models many runs, of 135 M parameters one run that reads 512 tokens.
 */
const RACE_SECONDS = 0.02

type Options = JobOptions<JobEvent>

export interface WrittenModel {
  /**
   * The largest difference of logits in plain ONNX Runtime from the engine's own, over the largest logit; null where
   * there is not enough memory to run the model whole.
   */
  difference: number | null
  /** Of what was written. */
  zeros: BlockZeros
}

export interface CheckedModel extends Omit<ShrunkModel, 'run' | 'race'> {
  difference: number | null
  /** Seconds by turn of base and result, on the tokens of `check`; null where there is not enough memory for both. */
  prefill: [before: number[], after: number[]] | null
  /** The same of one token behind them; null also where the graph keeps no keys and values. */
  decode: [before: number[], after: number[]] | null
}

/**
 * Loads a model in plain ONNX Runtime and runs it on a few tokens: what the check of a written model would refuse is
 * refused before any work. Where there is not enough memory to run the model whole, neither check is made.
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
