/** The speeds of this machine, by a measurement of a few seconds. */
import type { PrunerName } from '../../src/form/method.ts'
import type { HeadPace, Pace } from '../../src/jobs/model/pace.ts'
import {
  type ModelSize,
  observing,
  outsideBlocks,
  passing,
  type Speeds,
  solving,
  USUAL,
  weightsOfForm,
} from '../progress/job-cost.ts'

/** No measurement says that a machine works in no time. */
const LEAST_SECONDS = 1e-4

/** The tokens take this share of a measurement at least: on a busy machine the shorter one may take longer. */
const LEAST_OF_TOKENS = 0.25

/** Usual speeds, each changed as the work that was measured took more or less time; the rest as all of it did. */
export function speedsOf(
  model: ModelSize,
  pruner: PrunerName,
  { block, few, many, portable }: Pace,
  { head, start }: { head: HeadPace | null; start: number },
): Speeds {
  const form = model.forms[block]
  const more = many.tokens - few.tokens
  /** The seconds of the tokens alone; where there is but one window, all seconds. */
  const grown = (phase: 'forward' | 'statistics') => {
    const all = many.seconds[phase]
    return more > 0 ? Math.max(all - few.seconds[phase], (LEAST_OF_TOKENS * all * more) / many.tokens) : all
  }
  const tokens = more > 0 ? more : many.tokens
  const solved = slowness(many.seconds.solve, solving(form, pruner))
  const passed = tokens === 0 ? solved : slowness(grown('forward'), passing(form, tokens))
  const seen = tokens === 0 ? solved : slowness(grown('statistics'), observing(form, pruner, tokens))
  const headed = head === null ? passed : slowness(head.seconds, (head.tokens * outsideBlocks(model)) / USUAL.head)
  const perToken = more > 0 ? few.tokens / more : 0
  const fixed = few.seconds.forward + few.seconds.statistics - perToken * (grown('forward') + grown('statistics'))
  const summed = slowness(portable ?? 0, solving(form, 'sparsegpt'))
  return {
    forward: USUAL.forward / passed,
    observed: USUAL.observed / seen,
    gram: USUAL.gram / seen,
    factor: USUAL.factor / solved,
    swept: USUAL.swept / solved,
    ranked: USUAL.ranked / solved,
    portable: portable === null ? USUAL.portable : summed / solved,
    head: USUAL.head / headed,
    read: more > 0 ? weightsOfForm(form) / Math.max(LEAST_SECONDS, fixed) : USUAL.read / passed,
    merged: USUAL.merged / solved,
    checked: USUAL.checked / solved,
    written: USUAL.written / solved,
    start,
  }
}

/** So many times as long as it usually takes. */
function slowness(measured: number, usual: number): number {
  return Math.max(LEAST_SECONDS, measured) / usual
}
