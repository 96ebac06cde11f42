/** PLAN: the options on which a federation agrees, and for `prune` the part of them that one site alone needs. */
import { type Command, Option } from 'commander'
import { LEAST_HARM_LIMIT } from '../../protocols/plan/harm-limit.ts'
import {
  MAX_BLOCKS,
  MAX_HARM_LIMIT,
  MAX_PATTERN,
  MAX_ROUND_TIMEOUT_MS,
  MAX_ROUNDS,
  MAX_STEPS,
} from '../../protocols/plan/offer.ts'
import { UsageError } from '../../src/base/errors.ts'
import { MERGE_RULES, type MergeRule } from '../../src/form/merging.ts'
import {
  isStructuredMethod,
  type Method,
  PRUNERS,
  type PrunerName,
  type SparsityTarget,
  type StructuredMethod,
} from '../../src/form/method.ts'
import { assertBlocks } from './blocks.ts'
import { addMaskedOptions, assertFitsMasked, maskedOption, type RawMasked } from './masked.ts'
import {
  factor,
  oneOf,
  PROPER_SHARE,
  pattern,
  RATIO,
  range,
  refuseConflict,
  refuseMissing,
  SPARSITY,
  seconds,
  share,
  wholeNumber,
} from './values.ts'

const STRUCTURED: StructuredMethod['pruner'] = 'llm-pruner'
const DEFAULT_PRUNER: PrunerName = 'sparsegpt'
const DEFAULT_TARGET: SparsityTarget = { kind: 'unstructured', ppm: 500_000 }
const DEFAULT_MERGE: MergeRule = 'l0'
const DEFAULT_ROUNDS = 1
/** Five groups give nearly what all text in one place gives: more rounds gain little. */
const DEFAULT_GROUPS = 5
/** Training steps of a site in a round. */
const DEFAULT_RECOVER = 20
/**
 * The most rounds if only --until-change decides the end: masks have long settled by then, and the federation must end
 * some time.
 */
const MOST_ROUNDS_UNTIL_CHANGE = 20
const ALL = 1_000_000

export interface PlanOptions {
  method: Method
  merge: MergeRule
  masked: boolean
  rounds: number
  /** The share of the blocks that a site prunes in a round, in ppm. */
  sample: number
  /** The share of mask bits below which the federation ends, in ppm; null: all rounds are held. */
  untilChange: number | null
  /** The wait for stragglers; null: the protocol's own. */
  roundTimeoutMs: number | null
  /** In ppm; absent: the protocol's own. */
  harmLimit?: number
}

export interface RawPruner {
  pruner?: PrunerName
  /** In ppm. */
  sparsity?: number
  pattern?: SparsityTarget
}

export interface RawPlan extends Omit<RawPruner, 'pruner'>, RawMasked {
  pruner?: Method['pruner']
  /** In ppm. */
  ratio?: number
  blocks?: [from: number, to: number]
  recover?: number
  merge?: MergeRule
  rounds?: number
  sample?: number
  untilChange?: number
  roundTimeout?: number
  harmLimit?: number
}

/**
 * @param required - whether the user must choose, among the pruners that one site can run alone: then help shows no
 * defaults
 */
export function addPrunerOptions(command: Command, required: boolean): Command {
  const names = required ? PRUNERS : [...PRUNERS, STRUCTURED]
  const byDefault = (value: string) => (required ? ' (required)' : ` (default: ${value})`)
  return command
    .addOption(
      new Option('--pruner <name>', `${names.join(', ')}${byDefault(DEFAULT_PRUNER)}`).argParser(
        oneOf('--pruner', names),
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
  return addRoundOptions(addMaskedOptions(addMethodOptions(command)))
}

function addMethodOptions(command: Command): Command {
  return addPrunerOptions(command, false)
    .addOption(
      new Option(
        '--ratio <r>',
        `with --pruner ${STRUCTURED}: share of the heads and channels of each block that is removed`,
      ).argParser(share('--ratio', RATIO)),
    )
    .addOption(
      new Option('--blocks <a:b>', `with --pruner ${STRUCTURED}: blocks A to B-1 (default: all)`).argParser(
        range('--blocks'),
      ),
    )
    .addOption(
      new Option(
        '--recover <n>',
        `with --pruner ${STRUCTURED}: training steps of a site in each round but the first (default: ${DEFAULT_RECOVER})`,
      ).argParser(wholeNumber('--recover', 0, MAX_STEPS)),
    )
    .addOption(
      new Option(
        '--merge <rule>',
        `l0 gives each site a vote on each weight; trimmed leaves out the values farthest off, so that a third of the sites cannot ruin the model by lies; pooled prunes by what all texts together show (default: ${DEFAULT_MERGE})`,
      ).argParser(oneOf('--merge', MERGE_RULES)),
    )
}

function addRoundOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--rounds <n>',
        `rounds at most; with --merge pooled the number of groups of blocks (default: ${DEFAULT_ROUNDS}; with --until-change ${MOST_ROUNDS_UNTIL_CHANGE}; with --merge pooled ${DEFAULT_GROUPS})`,
      ).argParser(wholeNumber('--rounds', 1, MAX_ROUNDS)),
    )
    .addOption(
      new Option('--sample <share>', 'share of the blocks that a site prunes a round (default: 1)').argParser(
        share('--sample', PROPER_SHARE),
      ),
    )
    .addOption(
      new Option('--until-change <share>', 'stop once a round changes less than this share of the mask bits').argParser(
        share('--until-change', PROPER_SHARE),
      ),
    )
    .addOption(
      new Option(
        '--round-timeout <seconds>',
        'seconds to wait for late sites after a quorum has committed (default: as long as the quorum took, at least 30; four times that in the last round)',
      ).argParser(seconds('--round-timeout', MAX_ROUND_TIMEOUT_MS)),
    )
    .addOption(
      new Option(
        '--harm-limit <x>',
        `a site votes against a merge whose perplexity on its own text is more than this many times that of its own blocks alone (default: ${LEAST_HARM_LIMIT}, and more where more than 50 % is removed or a site has fewer than 256 tokens)`,
      ).argParser(factor('--harm-limit', MAX_HARM_LIMIT)),
    )
}

/** The end of `--blocks` if the option is not given: `methodFor` replaces it by the model's number of blocks. */
const TO_THE_END = MAX_BLOCKS

/** @param members - the number of sites. @throws {UsageError} USAGE_MISSING, USAGE_CONFLICT */
export function planOptions(raw: RawPlan, members: number): PlanOptions {
  const { sample = ALL, untilChange = null, roundTimeout: roundTimeoutMs = null } = raw
  const { harmLimit, merge = DEFAULT_MERGE } = raw
  const method = methodOf(raw)
  if (merge === 'pooled') refuseUnpooled(method, untilChange)
  const byDefault = untilChange === null ? DEFAULT_ROUNDS : MOST_ROUNDS_UNTIL_CHANGE
  const rounds = raw.rounds ?? (merge === 'pooled' ? DEFAULT_GROUPS : byDefault)
  const masked = maskedOption(raw, { method, merge, rounds, untilChange, members })
  return { method, merge, masked, rounds, sample, untilChange, roundTimeoutMs, ...(harmLimit && { harmLimit }) }
}

/** @throws {UsageError} USAGE_MISSING, USAGE_CONFLICT */
function methodOf(raw: RawPlan): Method {
  const { pruner = DEFAULT_PRUNER, ratio, blocks, recover } = raw
  if (pruner !== STRUCTURED) {
    const given = Object.entries({ '--ratio': ratio, '--blocks': blocks, '--recover': recover })
    const stray = given.find(([, value]) => value !== undefined)
    if (stray !== undefined)
      refuseConflict(`${stray[0]} is only for --pruner ${STRUCTURED}`, `Give it with that, or leave it out.`)
    return { pruner, target: targetOf(raw) ?? DEFAULT_TARGET }
  }
  if (ratio === undefined) {
    throw new UsageError({
      code: 'USAGE_MISSING',
      what: `--ratio is missing, --pruner ${STRUCTURED} needs it`,
      hint: 'Give --ratio a share above 0 and below 1, such as 0.25.',
    })
  }
  if (targetOf(raw) !== null)
    refuseConflict(`--pruner ${STRUCTURED} takes --ratio, not --sparsity or --pattern`, 'Give --ratio alone.')
  if (raw.untilChange !== undefined)
    refuseConflict(`--until-change is not for --pruner ${STRUCTURED}`, 'Give --rounds the number of rounds.')
  const [from, to] = blocks ?? [0, TO_THE_END]
  return { pruner, target: { kind: 'structured', ppm: ratio, from, to, steps: recover ?? DEFAULT_RECOVER } }
}

/** @throws {UsageError} USAGE_CONFLICT */
function refuseUnpooled(method: Method, untilChange: number | null): void {
  if (isStructuredMethod(method))
    refuseConflict(
      `--merge pooled is not for --pruner ${STRUCTURED}, whose measurements are added up anyway`,
      'Leave --merge out.',
    )
  if (untilChange !== null)
    refuseConflict('--until-change is not for --merge pooled: each block is offered once', 'Leave --until-change out.')
}

/**
 * The plan for a model with this number of blocks. A model with fewer blocks than groups by default has one a block.
 * @throws {UsageError} BLOCKS_RANGE, ROUNDS_RANGE
 */
export function planFor(plan: PlanOptions, blocks: number): PlanOptions {
  const fitted = { ...plan, method: methodFor(plan.method, blocks), rounds: roundsFor(plan, blocks) }
  assertFitsMasked(fitted, blocks)
  return fitted
}

/** The rounds for a model with this number of blocks. @throws {UsageError} ROUNDS_RANGE */
function roundsFor(plan: PlanOptions, blocks: number): number {
  if (plan.merge !== 'pooled' || plan.rounds <= blocks) return plan.rounds
  if (plan.rounds === DEFAULT_GROUPS) return blocks
  throw new UsageError({
    code: 'ROUNDS_RANGE',
    what: `--rounds ${plan.rounds}: the model has ${blocks} blocks, and --merge pooled prunes one at least in each group`,
    hint: `Give --rounds ${blocks} or fewer.`,
  })
}

/** The method for a model with this number of blocks. @throws {UsageError} BLOCKS_RANGE */
function methodFor(method: Method, blocks: number): Method {
  if (!isStructuredMethod(method)) return method
  const { target } = method
  const to = target.to === TO_THE_END ? blocks : target.to
  assertBlocks(target.from, to, blocks)
  return { ...method, target: { ...target, to } }
}

/**
 * The pruner and target of one site alone, which has no defaults. @throws {UsageError} USAGE_MISSING, USAGE_CONFLICT
 */
export function prunerOptions(raw: RawPruner, command: string): { pruner: PrunerName; target: SparsityTarget } {
  const { pruner } = raw
  if (pruner === undefined) return refuseMissing('--pruner', command, `Give --pruner one of ${PRUNERS.join(', ')}.`)
  const target = targetOf(raw)
  if (target === null)
    return refuseMissing('--sparsity', command, 'Give --sparsity a share such as 0.5, or --pattern such as 2:4.')
  return { pruner, target }
}

function targetOf({ sparsity, pattern }: Pick<RawPruner, 'sparsity' | 'pattern'>): SparsityTarget | null {
  if (sparsity !== undefined && pattern !== undefined)
    refuseConflict('--sparsity and --pattern exclude each other', 'Give one of the two.')
  if (pattern !== undefined) return pattern
  return sparsity === undefined ? null : { kind: 'unstructured', ppm: sparsity }
}

/** Options that the plan fixes: a site that joins has agreed to the founder's. */
const FIXED_BY_PLAN = [
  '--pruner <name>',
  '--sparsity <share>',
  '--pattern <n:m>',
  '--ratio <r>',
  '--blocks <a:b>',
  '--recover <n>',
  '--merge <rule>',
  '--masked',
  '--open',
  '--rounds <n>',
  '--sample <share>',
  '--until-change <share>',
  '--round-timeout <seconds>',
  '--harm-limit <x>',
  '--windows <n>',
  '--window <n>',
]

/** Adds the plan's options to a command that must refuse them, so that the refusal gives the reason. */
export function refusePlanOptions(command: Command): Command {
  for (const flags of FIXED_BY_PLAN) {
    const [flag] = flags.split(' ')
    command.addOption(
      new Option(flags).hideHelp().argParser(() => {
        throw new UsageError({
          code: 'USAGE_FIXED',
          what: `the founder's plan fixes ${flag}; coppice ${command.name()} cannot change it`,
          hint: `Leave ${flag} out; the plan is shown before anything leaves this site.`,
        })
      }),
    )
  }
  return command
}
