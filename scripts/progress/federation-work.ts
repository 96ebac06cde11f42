/** The work of one member of a federation, round by round, before it begins: for the forecast of its time. */
import { federationOf } from '../../peers/round/federation.ts'
import { harmWindows } from '../../peers/work/engine-work.ts'
import { mergingOf } from '../../protocols/plan/offer.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { listRound, openingOf, phaseOf } from '../../protocols/round/masked/phases.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { PPM } from '../../src/base/decimal.ts'
import { poolsMoments } from '../../src/form/merging.ts'
import { isStructuredMethod } from '../../src/form/method.ts'
import { blockOfSlot, isSecondSlot } from '../../src/merge/slots.ts'
import {
  adapterTraining,
  checking,
  evaluation,
  importances,
  type MeasuredWindows,
  type ModelSize,
  merging,
  productsOffer,
  pruning,
  writing,
} from './job-cost.ts'
import type { Work } from './work-plan.ts'

interface Membership {
  model: ModelSize
  plan: Plan
  federation: Federation
  /** Index in the roster. */
  member: number
  /** The windows that this member calibrates on. */
  windows: MeasuredWindows
}

/** @param from - the first round that is still to be held */
export function federationWork(
  model: ModelSize,
  plan: Plan,
  member: number,
  windows: MeasuredWindows,
  from = 1,
): Work[] {
  const membership = { model, plan, federation: federationOf(plan, model.blocks), member, windows }
  const rounds = Array.from({ length: membership.federation.rounds }, (_, i) => i + 1).filter((round) => round >= from)
  return rounds.flatMap((round) => [...ownWork(membership, round), ...commonWork(membership, round)])
}

interface MemberText {
  calibration: MeasuredWindows
  /** The texts on which the site measures at the end: the base, the common model, and its own. */
  evaluated: readonly { windows: MeasuredWindows }[]
}

/** All work of one member until its end. @param from - the first round that is still to be held */
export function memberWork(
  model: ModelSize,
  plan: Plan,
  member: number,
  { calibration, evaluated }: MemberText,
  from = 1,
): Work[] {
  const measured = evaluated.map(({ windows }) => evaluation(model, windows))
  const alone = isMeasuredAlone(plan, member) ? measured : []
  return [...federationWork(model, plan, member, calibration, from), writing(model), ...measured, ...measured, ...alone]
}

/** Whether a member's contributions of the only round are a whole model, which it measures as well. */
function isMeasuredAlone({ members, offer }: Plan, member: number): boolean {
  const { masked, merge, rounds } = offer
  return !masked && merge !== 'pooled' && rounds === 1 && members[member].capacity === PPM
}

/** The rounds after which the model is another than before: see the phases of masked plans. */
export function changingRounds(plan: Plan): number {
  const federation = federationOf(plan)
  const rounds = Array.from({ length: federation.rounds }, (_, i) => i + 1)
  return rounds.filter((round) => changes(plan, federation, round)).length
}

/** This member's own part of a round. */
function ownWork({ model, plan, federation, member, windows }: Membership, round: number): Work[] {
  const { merge, method } = plan.offer
  const phase = phaseOf(federation, round)
  if (phase !== 'open' && phase !== 'list') return []
  const slots = federation.blocksOf(member, round)
  if (slots.length === 0) return []
  const isSecond = isSecondSlot(slots[0], model.blocks)
  if (isStructuredMethod(method))
    return [isSecond ? adapterTraining(model, method.target.steps) : importances(model, windows)]
  const blocks = slots.map((slot) => blockOfSlot(slot, model.blocks))
  const moments = poolsMoments(method, { rule: merge })
  if (moments && isSecond) return [productsOffer(model, blocks)]
  return [pruning(model, { ...method, as: moments ? 'moments' : 'contribution', blocks, windows })]
}

/** The work of every member in a round: it merges, and looks what the merge does to its text. */
function commonWork({ model, plan, federation, member, windows }: Membership, round: number): Work[] {
  const phase = phaseOf(federation, round)
  if (phase !== 'open' && phase !== 'reveal') return []
  const contributed = phase === 'open' ? round : listRound(openingOf(round))
  const members = Array.from({ length: federation.members }, (_, index) => index)
  const slots = members.flatMap((index) => federation.blocksOf(index, contributed))
  const blocks = [...new Set(slots.map((slot) => blockOfSlot(slot, model.blocks)))]
  const isSolved = poolsMoments(plan.offer.method, mergingOf(plan.offer)) && isSecondSlot(slots[0] ?? 0, model.blocks)
  const rule = mergingOf(plan.offer)
  const others = members.filter((index) => index !== member).flatMap((index) => federation.blocksOf(index, contributed))
  const checks = others.map((slot) => checking(model, { merging: rule, method: plan.offer.method, slot }))
  const merges = [...checks, ...blocks.map((block) => merging(model, block, isSolved))]
  if (!changes(plan, federation, round) || federation.blocksOf(member, contributed).length === 0) return merges
  const measured = evaluation(model, harmWindows(windows))
  return [...merges, measured, measured]
}

/** Where moments are pooled the first of two rounds of a group only tells how large they are. */
function changes(plan: Plan, federation: Federation, round: number): boolean {
  const phase = phaseOf(federation, round)
  if (phase !== 'open' && phase !== 'reveal') return false
  const step = phase === 'open' ? round : openingOf(round)
  return !poolsMoments(plan.offer.method, mergingOf(plan.offer)) || step % 2 === 0
}
