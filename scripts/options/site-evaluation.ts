/** Options for the measurement of the model at the end of a federation, at one site. */
import type { Command } from 'commander'
import { addEvaluationOptions, type EvaluationOptions, evaluationOptions, type RawEvaluation } from './evaluation.ts'
import { refuseConflict } from './values.ts'

export interface SiteEvaluationOptions extends EvaluationOptions {
  /** Whether the site also prunes the whole model alone for comparison, if it has not done so anyway. */
  alone: boolean
}

export interface RawSiteEvaluation extends Omit<RawEvaluation, 'eval'> {
  eval?: string[] | false
  alone?: boolean
}

export function addSiteEvaluationOptions(command: Command): Command {
  return addEvaluationOptions(command, 'the end of --text, which is kept out of calibration')
    .option('--no-eval', 'measure nothing; all of --text may calibrate')
    .option('--alone', 'at the end, also prune the whole model on this site alone, for comparison')
}

/** The options; null if nothing is measured. */
export function siteEvaluationOptions({ alone = false, ...raw }: RawSiteEvaluation): SiteEvaluationOptions | null {
  if (raw.eval !== false) return { ...evaluationOptions({ ...raw, eval: raw.eval }), alone }
  if (alone) refuseConflict('--alone is measured, and --no-eval measures nothing', 'Leave out one of the two.')
  return null
}
