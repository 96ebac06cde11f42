/**
 * The job of recovering. Training is kept on disk and can be continued; at its end the adapters are added to the
 * weights.
 */
import { stopwatch } from '../../base/stopwatch.ts'
import { storeBlock } from '../../files/block-store.ts'
import { Adaptation } from '../../recover/adaptation.ts'
import { Adapters } from '../../recover/adapters.ts'
import { restoreTraining, storeTraining } from '../../recover/checkpoint.ts'
import { keepOut } from '../../recover/rows.ts'
import { bestLook, type Look, startState, train } from '../../recover/train.ts'
import type { Bench } from '../bench.ts'
import type { BlockFile } from '../block-files.ts'
import type { JobContext } from '../job.ts'
import { type RecoverArgs, recoveryFingerprint } from './recover-args.ts'

/** The number of steps between two checkpoints: a few seconds of work on a small model, minutes on a large one. */
const STEPS_A_SAVE = 5

export interface RecoveredModel {
  /** The number of steps done. They are fewer than asked for if the loss no longer improved. */
  steps: number
  /** Loss before the first step, and before the last. */
  loss: { first: number; last: number }
  /** The measurement of the kept adapters, and of the model before training. */
  best: Look
  before: Look
  rows: { learnt: number; keptOut: number }
  /** Numbers that were trained. */
  trained: number
  /** Layers whose zeros stayed zeros. */
  heldLayers: number
  /** The recovered weights of all blocks. */
  weights: BlockFile[]
  /** Seconds of training since this run began, measurements included. */
  seconds: number
}

/**
 * Trains adapters and adds them to the weights, whose files go to `out`. If `out` holds a checkpoint of this same
 * recovery, training continues from it.
 * @throws {OutputError} as restoreTraining and storeTraining do; {InputError} TEXT_SHORT, OPERATOR_NO_GRADIENT
 */
export async function recover(args: RecoverArgs, bench: Bench, { signal, emit }: JobContext): Promise<RecoveredModel> {
  const elapsed = stopwatch()
  const decoder = bench.open(args.dir)
  const { settings, out } = args
  const { rows, held } = keepOut(args.rows, args.name)
  const own = recoveryFingerprint(decoder, args)
  const state = startState(decoder, settings)
  restoreTraining(out, own, state)
  const adaptation = new Adaptation(decoder, settings)
  const progress = () => emit({ type: 'progress', done: state.step, total: settings.steps })
  progress()
  try {
    await train(decoder, adaptation, state, {
      ...{ settings, rows, held, signal },
      async onStep() {
        progress()
        if (state.step % STEPS_A_SAVE === 0) await storeTraining(out, own, state)
      },
      onLook: (look) => emit({ type: 'look', look }),
    })
  } finally {
    if (state.step > 0) await storeTraining(out, own, state)
  }
  const best = new Adapters(decoder.forms, settings.rank, state.best)
  const weights: BlockFile[] = []
  for (let block = 0; block < decoder.blocks; block++) {
    const { path } = await storeBlock(out, block, adaptation.merged(block, best))
    weights.push({ block, kind: 'stored', path })
  }
  return {
    steps: state.step,
    loss: { first: state.losses[0], last: state.losses[state.losses.length - 1] },
    best: bestLook(state.looks),
    before: state.looks[0],
    rows: { learnt: rows.count, keptOut: held.count },
    trained: state.values.length,
    heldLayers: adaptation.heldLayers,
    weights,
    seconds: elapsed(),
  }
}
