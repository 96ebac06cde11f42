/** The forecast of a federation: what a member would compute, hold and send under a plan that nobody has signed. */
import { federationOf } from '../../peers/round/federation.ts'
import { type Contributing, contributionBytesOf } from '../../peers/work/contribution-bytes.ts'
import { mergingOf, type Offer, PROTOCOL_VERSION } from '../../protocols/plan/offer.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { phaseOf } from '../../protocols/round/masked/phases.ts'
import { PPM } from '../../src/base/decimal.ts'
import { poolsMoments } from '../../src/form/merging.ts'
import { isStructuredMethod, type SparsityTarget } from '../../src/form/method.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import { weightsOfForm } from '../progress/job-cost.ts'
import { PASSING, type Planned } from './forecast.ts'
import { type Disk, FLOAT } from './need.ts'

/** Votes, proposals, key sheets and greetings, a member a round (measured: 16 to 20 kB among four). */
const TALK_BYTES = 6000
/** Copies of a block that two merges at a time hold, beside one of each member's contribution (measured: SmolLM2). */
const MERGE_COPIES = 10
/** Bytes of a merged weight on disk: its bit in a mask, and an fp16 where it is kept. */
const MERGED_BYTES = 1.2
/** A peer's libp2p and its logs, beside the command itself. */
const PEER_BYTES = 50e6
/**
 * The most that a peer's transfers leave with the process: as much as its contributions (measured: SmolLM2, four peers
 * in one process, 380 MB more once each had sent and fetched 102 MB). Larger ones pass in the same buffers.
 */
const MOST_BUFFERED_BYTES = 128e6

const NOBODY = new Uint8Array(32)

/** A plan as all would sign it. @param capacities - in ppm, one a member */
export function assumedPlan(terms: Omit<Offer, 'version' | 'founder' | 'nonce'>, capacities: readonly number[]): Plan {
  const offer: Offer = { ...terms, version: PROTOCOL_VERSION, founder: NOBODY, nonce: NOBODY }
  const members = capacities.map((capacity, index) => ({ index, peer: Uint8Array.of(index), site: '', capacity }))
  const sealed = { id: NOBODY, bytes: NOBODY, offerBytes: NOBODY, offerHash: NOBODY }
  return { ...sealed, offer, acceptances: [], members } as unknown as Plan
}

/** Bytes of all contributions of a member. */
export function contributedBytes(plan: Plan, contributing: Contributing, member: number): number {
  const { description, method } = contributing
  const federation = federationOf(plan, description.blocks)
  const kept = isStructuredMethod(method) ? 1 : keptShare(method.target)
  let sum = 0
  for (let round = 1; round <= federation.rounds; round++) {
    const phase = phaseOf(federation, round)
    if (phase !== 'open' && phase !== 'list') continue
    for (const slot of federation.blocksOf(member, round)) {
      const { least, most } = contributionBytesOf(contributing, slot)
      sum += least + kept * (most - least)
    }
  }
  return sum
}

/** Bytes that a member sends: all others fetch its contributions once, from it or from whoever has them. */
export function memberSends(plan: Plan, contributing: Contributing, member: number): number {
  const others = plan.members.length - 1
  const { rounds } = federationOf(plan, contributing.description.blocks)
  return others * (contributedBytes(plan, contributing, member) + rounds * TALK_BYTES)
}

function keptShare(target: SparsityTarget): number {
  return target.kind === 'unstructured' ? 1 - target.ppm / PPM : 1 - target.n / target.m
}

/** The pruner that shows how fast a machine does a plan's work: structures are weighed by text that passes. */
export function pacedBy(plan: Plan): Pick<Planned, 'portable' | 'pruner' | 'target'> {
  const { method } = plan.offer
  if (isStructuredMethod(method)) return PASSING
  return { ...method, portable: poolsMoments(method, mergingOf(plan.offer)) }
}

/** Bytes of memory of so many peers in one process, and of their merges. */
export function peersMemory(plan: Plan, contributing: Contributing, peers: number): number {
  const largest = Math.max(0, ...contributing.description.forms.map(weightsOfForm))
  const buffered = Math.min(MOST_BUFFERED_BYTES, contributedBytes(plan, contributing, 0))
  return peers * (PEER_BYTES + buffered) + FLOAT * largest * (MERGE_COPIES + plan.members.length)
}

/** @param peers - that have their data on this machine */
export function federationDisk(plan: Plan, contributing: Contributing, peers: number): Disk {
  const { description } = contributing
  const all = plan.members.reduce((sum, _, member) => sum + contributedBytes(plan, contributing, member), 0)
  const merged = MERGED_BYTES * description.forms.reduce((sum, form) => sum + weightsOfForm(form), 0)
  const moments = poolsMoments(plan.offer.method, mergingOf(plan.offer)) ? momentsBytes(description) : 0
  const kept = description.bytes + all
  return { kept, most: kept + peers * (all + merged + moments) }
}

/** A site's own second moments, which wait on its disk until all have told how large theirs are. */
function momentsBytes({ forms }: ModelDescription): number {
  return forms.reduce(
    (sum, { inputs }) => sum + inputs.reduce((pairs, cols) => pairs + (FLOAT * cols * cols) / 2, 0),
    0,
  )
}
