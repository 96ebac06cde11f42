/** EVAL: the texts on which perplexity is measured. */
import { type Command, Option } from 'commander'
import { MAX_WINDOW } from '../../protocols/plan/offer.ts'
import { textPath } from '../embedded/texts.ts'
import { wholeNumber } from './values.ts'

/** The number of tokens of each text: they give a perplexity to about a percent, within seconds on a small model. */
export const DEFAULT_EVAL_TOKENS = 20_480

export interface EvaluationOptions {
  /** Paths; empty if none was given. */
  files: string[]
  /** The most tokens of each text; undefined: the command's default. */
  tokens: number | undefined
  /** Tokens a window; undefined: as many as windowFor gives, whatever the calibration has. */
  window: number | undefined
}

export interface RawEvaluation {
  eval?: string[]
  evalTokens?: number
  evalWindow?: number
}

const TEXTS = 'texts to measure perplexity on, or embedded:early, middle, late, novel'

/** @param otherwise - the texts that are evaluated if none is given */
export function addEvaluationOptions(command: Command, otherwise?: string): Command {
  return command
    .option('--eval <file...>', otherwise === undefined ? TEXTS : `${TEXTS} (default: ${otherwise})`)
    .addOption(evalTokensOption())
    .addOption(
      new Option(
        '--eval-window <n>',
        'tokens a window of these texts (default: 512, or the longest window of the model if that is less)',
      ).argParser(wholeNumber('--eval-window', 2, MAX_WINDOW)),
    )
}

export function evalTokensOption(): Option {
  return new Option(
    '--eval-tokens <n>',
    `the most tokens of each text to evaluate (default: ${DEFAULT_EVAL_TOKENS})`,
  ).argParser(wholeNumber('--eval-tokens', 2))
}

export function evaluationOptions({ eval: files = [], evalTokens, evalWindow }: RawEvaluation): EvaluationOptions {
  return { files: files.map((given) => textPath(given, 'held')), tokens: evalTokens, window: evalWindow }
}
