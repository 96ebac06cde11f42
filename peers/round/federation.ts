/** The part of a plan that the round machine needs. Its blocks are the plan's slots: see src/merge/slots.ts. */

import { harmLimitOf } from '../../protocols/plan/harm-limit.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { arcs as arcsOf, blocksOf } from '../../src/merge/sampling.ts'
import { slotCount, slotsOfRound } from '../../src/merge/slots.ts'

/** @param blocks - decoder blocks of the model, which are the offer's */
export function federationOf(plan: Plan, blocks: number = plan.offer.model.blocks): Federation {
  const { rounds, untilChange, roundTimeoutMs } = plan.offer
  const members = plan.members.map(({ peer, capacity }) => ({ peerId: peer, capacityPpm: capacity }))
  const sampling = arcsOf({ offerHash: plan.offerHash, members, blocks })
  const arcs = new Map<string, readonly number[]>()
  return {
    id: toHex(plan.id),
    members: plan.members.length,
    blocks: slotCount(plan.offer, blocks),
    rounds,
    untilChange,
    roundTimeoutMs,
    harmLimit: harmLimitOf(plan.offer),
    blocksOf(member, round) {
      const key = `${member}/${round}`
      const arc = arcs.get(key) ?? slotsOfRound(plan.offer, blocks, round, blocksOf(sampling, member, round))
      arcs.set(key, arc)
      return arc
    },
  }
}
