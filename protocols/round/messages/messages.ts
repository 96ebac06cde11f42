/**
 * The gossip messages between members, each signed by its author and at most 1 KiB. In decoded messages a hash is its
 * lower-case hexadecimal text, which can be compared with ===, used as a key, and read in a log.
 */
import { z } from 'zod'
import { hashOf, MAX_MEMBERS, MAX_ROUNDS } from '../../plan/offer.ts'
import type { Plan } from '../../plan/plan.ts'
import {
  boundedBytes,
  decode,
  encode,
  fixedBytes,
  fromHex,
  HASH_BYTES,
  integer,
  signatureSchema,
  toHex,
} from '../../wire/encoding.ts'
import { type Signer, signedBytes, u32 } from '../../wire/signing.ts'
import { MAX_ATTEMPTS, MAX_GOSSIP_BYTES } from './constants.ts'

/** 64 lower-case hexadecimal digits. */
export type Hash = string

/**
 * The step of a member: it waits for contributions, is in one of the three steps of an attempt, takes over a certified
 * value, serves others, or has stopped.
 */
const STEPS = ['collect', 'propose', 'prevote', 'precommit', 'adopt', 'serve', 'stopped'] as const
export type Step = (typeof STEPS)[number]
/** A step as others hear of it: a proposer that tries merges without some members says so instead of `propose`. */
const ANNOUNCED_STEPS = [...STEPS, 'searching'] as const

/** "My contributions of this round are those in the commit list with this id." A member sends one a round. */
export interface Commit {
  type: 'commit'
  round: number
  root: Hash
}

/** "Let the round end with this value." The proposer of an attempt sends one. */
export interface Proposal {
  type: 'proposal'
  round: number
  attempt: number
  /** Id of the value's blob. */
  value: Hash
  /** The earlier attempt in which a quorum prevoted this value (the paper's validRound), or -1. */
  polRound: number
}

/** A member sends one of either kind an attempt. null is nil, a vote for nothing. */
export interface Vote {
  type: 'prevote' | 'precommit'
  round: number
  attempt: number
  value: Hash | null
}

export interface Status {
  type: 'status'
  round: number
  step: (typeof ANNOUNCED_STEPS)[number]
  attempt: number
  /** Id of the last certificate that this member has taken over. */
  certificate: Hash | null
  /**
   * Number of the status, which grows: no two statuses are the same message, and an old one sent again tells nothing.
   */
  beat: number
}

/** Two envelopes of one author that contradict each other. */
export interface Evidence {
  type: 'evidence'
  first: Uint8Array
  second: Uint8Array
}

export type Body = Commit | Proposal | Vote | Status | Evidence

/**
 * A body that a member may sign only once a place (round, or round and attempt). A second, different one is
 * equivocation.
 */
export type BindingBody = Commit | Proposal | Vote

export interface Envelope<T extends Body = Body> {
  plan: Hash
  /** The author's index in the roster. */
  from: number
  body: T
  signature: Uint8Array
}

/** 32 bytes, decoded to hexadecimal text. */
export const hexHashSchema: z.ZodType<Hash, unknown> = fixedBytes(HASH_BYTES).transform(toHex)

const round = integer(1, MAX_ROUNDS)
const attempt = integer(0, MAX_ATTEMPTS - 1)
/** The most bytes of each of two envelopes, half of the room in a gossip message. A signed vote has about 230 bytes. */
const MAX_EVIDENCE_PART_BYTES = 350

const bodySchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('commit'), round, root: hexHashSchema }),
  z.strictObject({
    type: z.literal('proposal'),
    round,
    attempt,
    value: hexHashSchema,
    polRound: integer(-1, MAX_ATTEMPTS - 2),
  }),
  z.strictObject({ type: z.enum(['prevote', 'precommit']), round, attempt, value: hexHashSchema.nullable() }),
  z.strictObject({
    type: z.literal('status'),
    round,
    step: z.enum(ANNOUNCED_STEPS),
    attempt,
    certificate: hexHashSchema.nullable(),
    beat: integer(0, 0xffff_ffff),
  }),
  z.strictObject({
    type: z.literal('evidence'),
    first: boundedBytes(MAX_EVIDENCE_PART_BYTES),
    second: boundedBytes(MAX_EVIDENCE_PART_BYTES),
  }),
])

const envelopeSchema = z.strictObject({
  plan: hexHashSchema,
  from: integer(0, MAX_MEMBERS - 1),
  body: bodySchema,
  signature: signatureSchema,
})

/** The 32 bytes of a hash that was decoded by this module. @throws {RangeError} the text is not a hash */
export function bytesOf(hash: Hash): Uint8Array {
  const bytes = fromHex(hash)
  if (bytes?.byteLength !== HASH_BYTES) throw new RangeError(`"${hash}" is no hash`)
  return bytes
}

function bodyToWire(body: Body): Record<string, unknown> {
  switch (body.type) {
    case 'commit':
      return { ...body, root: bytesOf(body.root) }
    case 'proposal':
      return { ...body, value: bytesOf(body.value) }
    case 'prevote':
    case 'precommit':
      return { ...body, value: body.value === null ? null : bytesOf(body.value) }
    case 'status':
      return { ...body, certificate: body.certificate === null ? null : bytesOf(body.certificate) }
    case 'evidence':
      return { ...body }
  }
}

/** The bytes of a body alone, which the write-ahead log keeps. */
export function encodeBody(body: Body): Uint8Array {
  return encode(bodyToWire(body))
}

/** @throws {MalformedMessageError} the bytes are not a body */
export function decodeBody(bytes: Uint8Array): Body {
  return decode({ what: 'message body', schema: bodySchema, maxBytes: MAX_GOSSIP_BYTES }, bytes)
}

export function encodeEnvelope({ plan, from, body, signature }: Envelope): Uint8Array {
  return encode({ plan: bytesOf(plan), from, body: bodyToWire(body), signature })
}

/** @throws {MalformedMessageError} the bytes are not an envelope */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  return decode({ what: 'gossip message', schema: envelopeSchema, maxBytes: MAX_GOSSIP_BYTES }, bytes)
}

/** A hash or nil as a field of signed bytes: 1 and the hash, or 33 zeros. */
function optionalHash(hash: Hash | null): Uint8Array {
  const field = new Uint8Array(1 + HASH_BYTES)
  if (hash === null) return field
  field[0] = 1
  field.set(bytesOf(hash), 1)
  return field
}

/** The bytes that the author of a body signs: purpose, federation, then the fields in a fixed layout. */
export function bodyBytes(plan: Hash, body: Body): Uint8Array {
  return signedBytes(body.type, bytesOf(plan), ...fieldsOf(body))
}

function fieldsOf(body: Body): Uint8Array[] {
  switch (body.type) {
    case 'commit':
      return [u32(body.round), bytesOf(body.root)]
    case 'proposal': // polRound + 1, so that it is not negative
      return [u32(body.round), u32(body.attempt), bytesOf(body.value), u32(body.polRound + 1)]
    case 'prevote':
    case 'precommit':
      return [u32(body.round), u32(body.attempt), optionalHash(body.value)]
    case 'status': {
      const step = Uint8Array.of(ANNOUNCED_STEPS.indexOf(body.step))
      return [u32(body.round), step, u32(body.attempt), optionalHash(body.certificate), u32(body.beat)]
    }
    case 'evidence':
      return [hashOf(body.first), hashOf(body.second)]
  }
}

/** Signs a body as member `from`. */
export function makeEnvelope<T extends Body>(signer: Signer, plan: Hash, from: number, body: T): Envelope<T> {
  return { plan, from, body, signature: signer.sign(bodyBytes(plan, body)) }
}

/**
 * The reason why an envelope does not count. The peer that passed it on should have checked it, except for `plan`,
 * which may be an old one.
 */
type EnvelopeFault = 'plan' | 'member' | 'signature' | 'evidence'

/**
 * The fault of an envelope; null if it belongs to this plan, is signed by the member it names, and any evidence in it
 * holds.
 */
export function envelopeFault(plan: Plan, envelope: Envelope): EnvelopeFault | null {
  if (envelope.plan !== toHex(plan.id)) return 'plan'
  const member = plan.members[envelope.from]
  if (member === undefined) return 'member'
  if (!member.verifier.verify(bodyBytes(envelope.plan, envelope.body), envelope.signature)) return 'signature'
  if (envelope.body.type === 'evidence' && culpritOf(plan, envelope.body) === null) return 'evidence'
  return null
}

/** The place to which a body binds its author: two different bodies at one place are equivocation. */
export function placeOf(body: BindingBody): string {
  return body.type === 'commit' ? `commit/${body.round}` : `${body.type}/${body.round}/${body.attempt}`
}

/** Whether a body binds its author. */
export function isBinding(body: Body): body is BindingBody {
  return body.type !== 'status' && body.type !== 'evidence'
}

/** Whether two bodies of one author say the same. */
export function sameBody(a: BindingBody, b: BindingBody): boolean {
  if (placeOf(a) !== placeOf(b)) return false
  if (a.type === 'commit' || b.type === 'commit') return a.type === 'commit' && b.type === 'commit' && a.root === b.root
  if (a.value !== b.value) return false
  return a.type !== 'proposal' || b.type !== 'proposal' || a.polRound === b.polRound
}

/** Evidence of two different bodies that one member signed for one place. */
export function makeEvidence(first: Envelope, second: Envelope): Evidence {
  return { type: 'evidence', first: encodeEnvelope(first), second: encodeEnvelope(second) }
}

/** The member that this evidence convicts; null if it convicts nobody. */
export function culpritOf(plan: Plan, evidence: Evidence): number | null {
  let pair: Envelope[]
  try {
    pair = [decodeEnvelope(evidence.first), decodeEnvelope(evidence.second)]
  } catch {
    return null
  }
  const [first, second] = pair
  if (first.from !== second.from || !isBinding(first.body) || !isBinding(second.body)) return null
  if (placeOf(first.body) !== placeOf(second.body) || sameBody(first.body, second.body)) return null
  return pair.every((envelope) => envelopeFault(plan, envelope) === null) ? first.from : null
}
