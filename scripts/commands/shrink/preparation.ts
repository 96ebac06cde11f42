/** All that `coppice shrink` reads before it works, and the work that follows from it. */
import { UsageError } from '../../../src/base/errors.ts'
import type { Shrink } from '../../../src/jobs/structure/shrink-args.ts'
import { notCopied } from '../../common/companions.ts'
import { assertRuns, describe, type EngineRun } from '../../common/engine.ts'
import { evaluationTexts } from '../../common/perplexities.ts'
import { calibration } from '../../common/texts.ts'
import { assertBlocks } from '../../options/blocks.ts'
import { RECOVERY } from '../../options/recovery.ts'
import { windowFor } from '../../options/site.ts'
import { choosing, evaluation, type ModelSize, retraining, writing } from '../../progress/job-cost.ts'
import type { Work } from '../../progress/work-plan.ts'
import type { ShrinkOptions } from './options.ts'

type Prepared = Awaited<ReturnType<typeof prepare>>

export async function prepare(work: EngineRun, options: ShrinkOptions) {
  const { model, what, given } = options
  const description = await describe(work, model)
  await assertRuns(work, model)
  const left = await notCopied(work, model, isUniform(what) ? ['model.safetensors'] : [])
  if (given.blocks !== undefined) assertRange(options, given.blocks, description.blocks)
  const window = windowFor(options.window, description)
  const windows = await calibration(work, model, options, options.windows, window)
  const texts = await evaluationTexts(work, { ...options, limits: description })
  return { description, left, texts, window, windows }
}

/** The work behind the preparation. */
export function expectedWork(
  size: ModelSize,
  { recovery }: ShrinkOptions,
  { description, texts, windows }: Prepared,
): Work[] {
  const measured = texts.map(({ windows }) => evaluation(size, windows))
  const length = windowFor(recovery?.length, description, '--length', RECOVERY.length)
  const recovered = recovery === null ? [] : [retraining(size, { ...recovery, length }), writing(size), ...measured]
  return [choosing(size, windows), ...measured, ...measured, ...recovered]
}

export function isUniform(what: Shrink): boolean {
  return 'uniform' in what && what.uniform
}

/** @throws {UsageError} BLOCKS_RANGE; UNIFORM_BLOCKS, CHANNEL_BLOCKS: some blocks where all are asked for */
function assertRange({ what, given }: ShrinkOptions, blocks: [from: number, to: number], count: number): void {
  assertBlocks(...blocks, count)
  if (blocks[1] - blocks[0] === count) return
  if (isUniform(what)) refuseSome(blocks, count)
  if (what.granularity === 'hidden-channels') refuseHiddenOfSome(given.granularity, blocks, count)
}

/** @throws {UsageError} UNIFORM_BLOCKS, always */
function refuseSome([from, to]: [from: number, to: number], count: number): never {
  throw new UsageError({
    code: 'UNIFORM_BLOCKS',
    what: `--uniform with --blocks ${from}:${to}: the ${count} blocks of the model would differ in width`,
    hint: 'Give --uniform without --blocks.',
  })
}

/** @throws {UsageError} CHANNEL_BLOCKS, always */
function refuseHiddenOfSome(word: string, [from, to]: [from: number, to: number], count: number): never {
  throw new UsageError({
    code: 'CHANNEL_BLOCKS',
    what: `--granularity ${word} with --blocks ${from}:${to}: hidden channels go through all ${count} blocks of the model`,
    hint: `Give --granularity ${word} without --blocks.`,
  })
}
