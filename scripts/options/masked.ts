/** MASKED and OPEN: whether the sites of a plan see each other's contributions, or only sums of them. */
import { type Command, Option } from 'commander'
import { fitsMasked, type MaskedFault, maskedFault, type Offer } from '../../protocols/plan/offer.ts'
import { UsageError } from '../../src/base/errors.ts'
import { isStructuredMethod } from '../../src/form/method.ts'
import { refuseConflict } from './values.ts'

export interface RawMasked {
  masked?: boolean
  open?: boolean
}

export function addMaskedOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--masked',
        'no site sees what a single one offers, only sums of several (default from three sites on with --merge pooled and with --pruner llm-pruner)',
      ),
    )
    .addOption(new Option('--open', 'every site sees what each one offers, and keeps it (default otherwise)'))
}

/** The parts of a plan that decide whether it can be masked. */
type Terms = Pick<Offer, 'method' | 'merge' | 'rounds' | 'untilChange' | 'members'>

/**
 * Whether the plan is masked. Votes on weights are only if asked for: they are dear.
 * @throws {UsageError} USAGE_CONFLICT: both options, or a plan that cannot be masked
 */
export function maskedOption({ masked, open }: RawMasked, plan: Terms): boolean {
  if (masked && open) refuseConflict('--masked and --open exclude each other', 'Give one of the two.')
  if (open) return false
  const fault = maskedFault(plan)
  if (!masked) return fault === null && (plan.merge === 'pooled' || isStructuredMethod(plan.method))
  if (fault === null) return true
  refuseConflict(...inWords(fault, plan))
}

/** The refusal of a plan that cannot be masked: the fault and the remedy. */
function inWords(fault: MaskedFault, { method }: Terms): [what: string, hint: string] {
  switch (fault) {
    case 'members':
      return [
        "--masked needs three sites or more: with two, the total less a site's own part is the part of the other",
        'Take part with more sites, or give --open: then each site sees what the other one offers.',
      ]
    case 'untilChange':
      return [
        '--masked and --until-change exclude each other: a masked plan fixes beforehand which sums are opened',
        'Leave --until-change out, or give --open.',
      ]
    case 'rounds':
      return [
        '--masked with --merge l0 takes one round: each more would be another sum of nearly the same votes, and the difference of two sums shows more than either',
        'Give --rounds 1, or --merge pooled, or leave --masked out.',
      ]
    case 'rule': {
      const instead = isStructuredMethod(method) ? 'leave --merge out' : 'give --merge pooled'
      return [
        '--masked and --merge trimmed exclude each other: trimming must see what each single site offers',
        `To hide what a single site offers, ${instead}. To withstand liars, leave --masked out.`,
      ]
    }
  }
}

/**
 * Checks that a masked plan has rounds and slots enough for a model with this number of blocks.
 * @throws {UsageError} ROUNDS_RANGE
 */
export function assertFitsMasked(plan: Pick<Offer, 'method' | 'merge' | 'rounds' | 'masked'>, blocks: number): void {
  if (!plan.masked || fitsMasked(plan, blocks)) return
  let rounds = plan.rounds
  while (rounds > 0 && !fitsMasked({ ...plan, rounds }, blocks)) rounds--
  throw new UsageError({
    code: 'ROUNDS_RANGE',
    what: `--rounds ${plan.rounds} of a model with ${blocks} blocks are more sums than a masked plan can open`,
    hint: rounds > 0 ? `Give --rounds ${rounds} or fewer, or --open.` : 'Give --open.',
  })
}
