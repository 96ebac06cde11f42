/** The part of a plan that the round machine needs. Its blocks are the plan's slots: see src/merge/slots.ts. */

import { harmLimitOf } from '../../protocols/plan/harm-limit.ts'
import { mergingOf } from '../../protocols/plan/offer.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { openingOf, personalSlots } from '../../protocols/round/masked/phases.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { poolsMoments } from '../../src/form/merging.ts'
import { maskedRounds, maskedSlots, maskedSlotsOf, slotsOfOpening } from '../../src/merge/openings.ts'
import { groupsOfMembers, pooledRounds, slotsOfGroups } from '../../src/merge/pooled/groups.ts'
import { arcs as arcsOf, blocksOf } from '../../src/merge/sampling.ts'
import { slotCount, slotsOfRound } from '../../src/merge/slots.ts'

/** Arcs are asked for again and again in a round and the one after it, and then no more. */
const REMEMBERED_ROUNDS = 4

/** @param blocks - decoder blocks of the model, which are the offer's */
export function federationOf(plan: Plan, blocks: number = plan.offer.model.blocks): Federation {
  const { offer, offerHash } = plan
  const { untilChange, roundTimeoutMs } = offer
  const pools = offer.merge === 'pooled'
  const masked = offer.masked ? maskedSlotsOf(offer, blocks) : null
  const members = plan.members.map(({ peer, capacity }) => ({ peerId: peer, capacityPpm: capacity }))
  const sampled = { offerHash, members }
  const [sampling, groups] = pools ? [null, groupsOfMembers(offer, sampled)] : [arcsOf({ ...sampled, blocks }), []]
  const slots = (member: number, round: number) => {
    if (masked !== null) {
      const own = groups[member] ?? []
      return personalSlots(masked, round) ?? slotsOfOpening(offer, blocks, openingOf(round), own)
    }
    return sampling === null
      ? slotsOfGroups(offer, blocks, round, groups[member])
      : slotsOfRound(offer, blocks, round, blocksOf(sampling, member, round))
  }
  const arcs = new Map<string, readonly number[]>()
  return {
    id: toHex(plan.id),
    members: plan.members.length,
    blocks: masked === null ? slotCount(offer, blocks) : maskedSlots(offer, blocks),
    rounds: masked === null ? (pools ? pooledRounds(offer) : offer.rounds) : maskedRounds(offer),
    untilChange,
    roundTimeoutMs,
    harmLimit: harmLimitOf(offer),
    once: pools || masked !== null,
    pairs: poolsMoments(offer.method, mergingOf(offer)) ? blocks : null,
    masked,
    blocksOf(member, round) {
      const key = `${member}/${round}`
      if (arcs.size >= REMEMBERED_ROUNDS * members.length) arcs.clear()
      const arc = arcs.get(key) ?? slots(member, round)
      arcs.set(key, arc)
      return arc
    },
  }
}
