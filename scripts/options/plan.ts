/** PLAN: what a federation agrees on, and for `prune` the part of it that one site alone needs. */
import { type Command, Option } from 'commander'
import { MAX_PATTERN, MAX_ROUND_TIMEOUT_MS, MAX_ROUNDS } from '../../protocols/offer.ts'
import { UsageError } from '../../src/errors.ts'
import { PRUNERS, type PrunerName, type SparsityTarget } from '../../src/merge/form.ts'
import {
  oneOf,
  PROPER_SHARE,
  pattern,
  refuseConflict,
  refuseMissing,
  SPARSITY,
  seconds,
  share,
  wholeNumber,
} from './values.ts'

const DEFAULT_PRUNER: PrunerName = 'sparsegpt'
const DEFAULT_TARGET: SparsityTarget = { kind: 'unstructured', ppm: 500_000 }
const DEFAULT_ROUNDS = 1
/** Where only --until-change says when to stop: masks have long settled by then, and it must end some time. */
const MOST_ROUNDS_UNTIL_CHANGE = 20
const ALL = 1_000_000

export interface PlanOptions {
  pruner: PrunerName
  target: SparsityTarget
  rounds: number
  /** Share of the blocks that a site prunes a round, in ppm. */
  sample: number
  /** Share of mask bits, in ppm; null: all rounds are held. */
  untilChange: number | null
  /** null: the protocol's own. */
  roundTimeoutMs: number | null
}

export interface RawPruner {
  pruner?: PrunerName
  /** In ppm. */
  sparsity?: number
  pattern?: SparsityTarget
}

export interface RawPlan extends RawPruner {
  rounds?: number
  sample?: number
  untilChange?: number
  roundTimeout?: number
}

/** @param required - whether the user must choose: then no defaults are named */
export function addPrunerOptions(command: Command, required: boolean): Command {
  const byDefault = (value: string) => (required ? ' (required)' : ` (default: ${value})`)
  return command
    .addOption(
      new Option('--pruner <name>', `${PRUNERS.join(', ')}${byDefault(DEFAULT_PRUNER)}`).argParser(
        oneOf('--pruner', PRUNERS),
      ),
    )
    .addOption(
      new Option(
        '--sparsity <share>',
        `share of each layer's weights that become zero${required ? ' (required, or --pattern)' : byDefault('0.5')}`,
      ).argParser(share('--sparsity', SPARSITY)),
    )
    .addOption(
      new Option(
        '--pattern <n:m>',
        'instead of --sparsity: n zeros among every m weights of a row, such as 2:4',
      ).argParser(pattern('--pattern', MAX_PATTERN)),
    )
}

export function addPlanOptions(command: Command): Command {
  return addPrunerOptions(command, false)
    .addOption(
      new Option(
        '--rounds <n>',
        `rounds at most (default: ${DEFAULT_ROUNDS}; with --until-change ${MOST_ROUNDS_UNTIL_CHANGE})`,
      ).argParser(wholeNumber('--rounds', 1, MAX_ROUNDS)),
    )
    .addOption(
      new Option('--sample <share>', 'share of the blocks that a site prunes a round (default: 1)').argParser(
        share('--sample', PROPER_SHARE),
      ),
    )
    .addOption(
      new Option('--until-change <share>', 'stop once a round moves less than this share of the masks').argParser(
        share('--until-change', PROPER_SHARE),
      ),
    )
    .addOption(
      new Option(
        '--round-timeout <seconds>',
        'how long a round waits for stragglers after a quorum (default: as long as that took, at least 30; in the last round four times that)',
      ).argParser(seconds('--round-timeout', MAX_ROUND_TIMEOUT_MS)),
    )
}

export function planOptions(raw: RawPlan): PlanOptions {
  const { pruner = DEFAULT_PRUNER, sample = ALL, untilChange = null, roundTimeout: roundTimeoutMs = null } = raw
  const rounds = raw.rounds ?? (untilChange === null ? DEFAULT_ROUNDS : MOST_ROUNDS_UNTIL_CHANGE)
  return { pruner, target: targetOf(raw) ?? DEFAULT_TARGET, rounds, sample, untilChange, roundTimeoutMs }
}

/** For one site alone nothing is agreed on by default. @throws {UsageError} USAGE_MISSING */
export function prunerOptions(raw: RawPruner, command: string): { pruner: PrunerName; target: SparsityTarget } {
  const { pruner } = raw
  if (pruner === undefined) return refuseMissing('--pruner', command, `Give --pruner one of ${PRUNERS.join(', ')}.`)
  const target = targetOf(raw)
  if (target === null)
    return refuseMissing('--sparsity', command, 'Give --sparsity a share such as 0.5, or --pattern such as 2:4.')
  return { pruner, target }
}

function targetOf({ sparsity, pattern }: RawPruner): SparsityTarget | null {
  if (sparsity !== undefined && pattern !== undefined)
    refuseConflict('--sparsity and --pattern exclude each other', 'Give one of the two.')
  if (pattern !== undefined) return pattern
  return sparsity === undefined ? null : { kind: 'unstructured', ppm: sparsity }
}

/** Options that stand in the plan: who joins has agreed to the founder's. */
const FIXED_BY_PLAN = [
  '--pruner <name>',
  '--sparsity <share>',
  '--pattern <n:m>',
  '--rounds <n>',
  '--sample <share>',
  '--until-change <share>',
  '--round-timeout <seconds>',
  '--windows <n>',
  '--window <n>',
]

/** Adds the options of the plan to a command that must refuse them, so that the refusal says why. */
export function refusePlanOptions(command: Command): Command {
  for (const flags of FIXED_BY_PLAN) {
    const [flag] = flags.split(' ')
    command.addOption(
      new Option(flags).hideHelp().argParser(() => {
        throw new UsageError({
          code: 'USAGE_FIXED',
          what: `${flag} stands in the plan, coppice ${command.name()} cannot choose it`,
          hint: `Leave ${flag} out; the plan is shown before anything leaves this site.`,
        })
      }),
    )
  }
  return command
}
