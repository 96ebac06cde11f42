/**
 * The job of recovering, inside a worker: the training outlasts the process, then adapters are added to the weights.
 */

import { stopwatch } from '../base/stopwatch.ts'
import { storeBlock } from '../files/block-store.ts'
import { type Fingerprint, fingerprint } from '../files/fingerprint.ts'
import type { Decoder } from '../model/forward/decoder.ts'
import { Adaptation } from '../recover/adaptation.ts'
import { Adapters } from '../recover/adapters.ts'
import { restoreTraining, stepsDone, storeTraining } from '../recover/checkpoint.ts'
import { keepOut } from '../recover/rows.ts'
import { bestLook, startState, train } from '../recover/train.ts'
import type { BlockFile, JobContext, Jobs, RecoverArgs } from './jobs.ts'

/** Another number where a recovery of the same inputs gives other bits than before. */
const DOMAIN = 'coppice/recover/1'
/** Steps between two that are made durable: a few seconds of work on a small model, minutes on a large one. */
const STEPS_A_SAVE = 5

/** @throws {OutputError} as restoreTraining and storeTraining do; {InputError} TEXT_SHORT, OPERATOR_NO_GRADIENT */
export async function recover(
  decoder: Decoder,
  args: RecoverArgs,
  { signal, emit }: JobContext,
): Promise<Jobs['recover']['result']> {
  const elapsed = stopwatch()
  const { settings, out } = args
  const { rows, held } = keepOut(args.rows, args.name)
  const own = fingerprintOf(decoder, args)
  const state = startState(decoder, settings)
  restoreTraining(out, own, state)
  const adaptation = new Adaptation(decoder, settings)
  const progress = () => emit({ type: 'progress', done: state.step, total: settings.steps })
  progress()
  try {
    await train(decoder, adaptation, state, {
      ...{ settings, rows, held, signal },
      onStep() {
        progress()
        if (state.step % STEPS_A_SAVE === 0) storeTraining(out, own, state)
      },
      onLook: (look) => emit({ type: 'look', look }),
    })
  } finally {
    if (state.step > 0) storeTraining(out, own, state)
  }
  const best = new Adapters(decoder.forms, settings.rank, state.best)
  const weights = decoder.forms.map((_, block): BlockFile => {
    const { path } = storeBlock(out, block, adaptation.merged(block, best))
    return { block, kind: 'stored', path }
  })
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

/** Steps that were done of the recovery that these arguments ask for. @throws {OutputError} as stepsDone does */
export async function unrecovered(decoder: Decoder, args: RecoverArgs): Promise<number> {
  return stepsDone(args.out, fingerprintOf(decoder, args))
}

function fingerprintOf({ name }: Decoder, { modelHash, rows, settings }: RecoverArgs): Fingerprint {
  const { steps, rank, alpha, rate, batch, seed } = settings
  return fingerprint({
    ...{ domain: DOMAIN, modelName: name, modelHash, windows: rows },
    settings: [steps, rank, alpha, rate, batch, seed],
    words: `${steps} steps of ${batch} of ${rows.count} rows of ${rows.length}, rank ${rank}, alpha ${alpha}, rate ${rate}`,
  })
}
