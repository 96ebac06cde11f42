/** Options for the training of a recovery. */
import { type Command, Option } from 'commander'
import { decimal, wholeNumber } from './values.ts'

/**
 * LLM-Pruner's settings (its section 4.1). Only the batch differs: it is one that a machine without an accelerator
 * computes in seconds.
 */
export const RECOVERY = { rank: 8, alpha: 16, rate: 1e-4, batch: 8, length: 128 } as const

/** The largest rank: a larger one is no longer low in any layer for which adapters are worth their cost. */
const MAX_RANK = 1024
const MAX_STEPS = 1_000_000
const MAX_BATCH = 4096

export interface RecoveryOptions {
  steps: number
  rank: number
  alpha: number
  rate: number
  batch: number
  /** Tokens a row; undefined: RECOVERY.length, or the model's longest window if that is less, see windowFor. */
  length: number | undefined
}

export interface RawRecovery {
  steps?: number
  rank?: number
  alpha?: number
  rate?: number
  batch?: number
  length?: number
}

export function stepsOption(flag: string, description: string): Option {
  return new Option(`${flag} <n>`, description).argParser(wholeNumber(flag, 1, MAX_STEPS))
}

export function addRecoveryOptions(command: Command, longest: number): Command {
  const { rank, alpha, rate, batch, length } = RECOVERY
  return command
    .addOption(stepsOption('--steps', 'the most steps of training (required)'))
    .addOption(
      new Option('--rank <n>', `rank of the adapters (default: ${rank})`).argParser(wholeNumber('--rank', 1, MAX_RANK)),
    )
    .addOption(
      new Option('--alpha <x>', `adapters are multiplied by alpha / rank (default: ${alpha})`).argParser(
        decimal('--alpha'),
      ),
    )
    .addOption(new Option('--rate <x>', `learning rate of AdamW (default: ${rate})`).argParser(decimal('--rate')))
    .addOption(
      new Option('--batch <n>', `rows a step (default: ${batch})`).argParser(wholeNumber('--batch', 1, MAX_BATCH)),
    )
    .addOption(
      new Option('--length <n>', `tokens a row (default: ${length})`).argParser(wholeNumber('--length', 2, longest)),
    )
}

export function recoveryOptions(steps: number, raw: RawRecovery = {}): RecoveryOptions {
  const { rank, alpha, rate, batch } = { ...RECOVERY, ...raw }
  return { steps, rank, alpha, rate, batch, length: raw.length }
}
