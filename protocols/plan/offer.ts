/**
 * The offer of a founder: everything that decides what will be computed. The invitation holds its hash, so a joiner
 * knows that it was given the founder's offer and no other. The secret that admits members is not part of the offer.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { PPM } from '../../src/base/decimal.ts'
import { MERGE_RULES, type MergeRule, type Merging } from '../../src/form/merging.ts'
import type { StructuredTarget } from '../../src/form/method.ts'
import { isStructuredMethod, type Method, PRUNERS, type SparsityTarget } from '../../src/form/method.ts'
import { maskedRounds, maskedSlots } from '../../src/merge/openings.ts'
import { slotCount } from '../../src/merge/slots.ts'
import { decode, encode, fixedBytes, hashSchema, integer, ppmSchema } from '../wire/encoding.ts'
import { peerIdSchema } from '../wire/signing.ts'

/** Raised whenever any bit of mask, merge, encoding or vote changes. Peers of two versions never work together. */
export const PROTOCOL_VERSION = 4

/** An offer is a few hundred bytes; this leaves room for a long model name. */
export const MAX_OFFER_BYTES = 4 * 1024
/** Votes and contributions grow with the square of the members; measured up to 16, simulated up to 64. */
export const MAX_MEMBERS = 64
/** 1 would be a peer alone: `prune` does that. */
export const MIN_MEMBERS = 2
/** Two members see each other: the total less one's own part is the other's. */
const MIN_MASKED_MEMBERS = 3
/**
 * Far beyond the round after which masks still change. It bounds the rounds that a member may announce ahead of time.
 */
export const MAX_ROUNDS = 1000
/**
 * The largest open decoders have about 130 blocks. With this limit a commit list stays small. Half as many blocks fit
 * where adapters are trained: see src/merge/slots.ts.
 */
export const MAX_BLOCKS = 1024
/** The most tokens of a window: the longest context of any model that a calibration would use. */
export const MAX_WINDOW = 1 << 20
export const MAX_WINDOWS = 1 << 20
/** The largest m of an n:m pattern: hardware supports 4 and 8. */
export const MAX_PATTERN = 256
/** A week: a wait beyond that is a mistake in the unit. */
export const MAX_ROUND_TIMEOUT_MS = 7 * 24 * 3600 * 1000
/** The most training steps of a site in a round: with more, sites drift apart and people wait too long. */
export const MAX_STEPS = 100_000
export const NONCE_BYTES = 16
/** The least is 1: a merge is seldom better than each site's own blocks. Beyond this factor nothing is refused. */
export const MAX_HARM_LIMIT = 1000
const MAX_MODEL_NAME = 200

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u
/** A text that may be shown in another site's terminal: letters, marks, digits, punctuation and spaces on one line. */
export const printableSchema = (max: number): z.ZodType<string> =>
  z.string().min(1).max(max).regex(PRINTABLE, 'must be printable')

/** A model's name in the form that an offer allows. A directory may have any name; other characters become "_". */
export function asModelName(name: string): string {
  const printed = [...name].map((character) => (PRINTABLE.test(character) ? character : '_')).join('')
  return printed.slice(0, MAX_MODEL_NAME).toWellFormed()
}

export interface Offer {
  version: typeof PROTOCOL_VERSION
  /** The founder's peer id (multihash bytes). */
  founder: Uint8Array
  /** Random bytes that make each offer, and so each federation, unique. */
  nonce: Uint8Array
  model: {
    /** The model's name, for people. */
    name: string
    /** SHA-256 of the base model: see src/model/forward/hash.ts. */
    hash: Uint8Array
    parameters: number
    /** The number of decoder blocks. */
    blocks: number
  }
  method: Method
  merge: MergeRule
  /** Whether contributions are masked: nobody sees a single one, but sums of several. */
  masked: boolean
  /** The largest number of rounds; by the rule `pooled`, the number of groups: see src/merge/pooled/groups.ts. */
  rounds: number
  /** The federation ends early once fewer mask bits than this moved in a round, in ppm; null: never. */
  untilChange: number | null
  /** The capacity of a member that declares none: the share of the blocks that it prunes in a round, in ppm. */
  sample: number
  /** The number of calibration windows of a site. */
  windows: number
  /** The number of tokens in a window. */
  window: number
  /** The number of members, the founder included. */
  members: number
  /**
   * The time that a proposer waits for stragglers. null: max(30 s, the time that the quorum took), and four times that
   * in the last round.
   */
  roundTimeoutMs: number | null
  /**
   * The largest harm of a merge that a member prevotes, in ppm (see protocols/round/proposal/harm.ts); absent: the
   * default of this protocol version.
   */
  harmLimit?: number
}

const targetSchema: z.ZodType<SparsityTarget> = z.union([
  z.strictObject({ kind: z.literal('unstructured'), ppm: integer(0, 999_999) }),
  z
    .strictObject({ kind: z.literal('pattern'), n: integer(1, MAX_PATTERN), m: integer(2, MAX_PATTERN) })
    .refine(({ n, m }) => n < m, 'n must be below m'),
])

const structuredSchema: z.ZodType<StructuredTarget> = z
  .strictObject({
    kind: z.literal('structured'),
    ppm: integer(1, 999_999),
    from: integer(0, MAX_BLOCKS),
    to: integer(0, MAX_BLOCKS),
    steps: integer(0, MAX_STEPS),
  })
  .refine(({ from, to }) => from < to, 'from must be below to')

const methodSchema: z.ZodType<Method> = z.discriminatedUnion('pruner', [
  z.strictObject({ pruner: z.enum(PRUNERS), target: targetSchema }),
  z.strictObject({ pruner: z.literal('llm-pruner'), target: structuredSchema }),
])

const offerSchema: z.ZodType<Offer> = z
  .strictObject({
    version: z.literal(PROTOCOL_VERSION),
    founder: peerIdSchema,
    nonce: fixedBytes(NONCE_BYTES),
    model: z.strictObject({
      name: printableSchema(MAX_MODEL_NAME),
      hash: hashSchema,
      parameters: integer(1, Number.MAX_SAFE_INTEGER),
      blocks: integer(1, MAX_BLOCKS),
    }),
    method: methodSchema,
    merge: z.enum(MERGE_RULES),
    masked: z.boolean(),
    rounds: integer(1, MAX_ROUNDS),
    untilChange: ppmSchema.nullable(),
    sample: integer(1, 1_000_000),
    windows: integer(1, MAX_WINDOWS),
    window: integer(2, MAX_WINDOW),
    members: integer(MIN_MEMBERS, MAX_MEMBERS),
    roundTimeoutMs: integer(0, MAX_ROUND_TIMEOUT_MS).nullable(),
    harmLimit: integer(PPM, MAX_HARM_LIMIT * PPM).optional(),
  })
  .refine(
    ({ method, model }) => method.pruner !== 'llm-pruner' || method.target.to <= model.blocks,
    'the blocks that lose structures are not all in the model',
  )
  .refine(
    ({ merge, method, rounds, model, untilChange }) =>
      merge !== 'pooled' || (!isStructuredMethod(method) && rounds <= model.blocks && untilChange === null),
    'no plan that pools',
  )
  .refine((offer) => slotCount(offer, offer.model.blocks) <= MAX_BLOCKS, 'too many blocks for two contributions each')
  .refine((offer) => !offer.masked || maskedFault(offer) === null, 'no plan that can be masked')
  .refine((offer) => !offer.masked || fitsMasked(offer, offer.model.blocks), 'too many sums for a masked plan')

/** The reasons why a plan cannot be masked. */
export type MaskedFault = 'members' | 'untilChange' | 'rule' | 'rounds'

/**
 * The reason why a plan cannot be masked; null: it can. `members`: two see each other. `untilChange`: what is opened,
 * and when, is fixed beforehand. `rule`: members must see single contributions. `rounds`: votes on weights would be
 * opened again with nearly the same contents.
 */
export function maskedFault({
  members,
  untilChange,
  merge,
  method,
  rounds,
}: Pick<Offer, 'members' | 'untilChange' | 'merge' | 'method' | 'rounds'>): MaskedFault | null {
  if (members < MIN_MASKED_MEMBERS) return 'members'
  if (untilChange !== null) return 'untilChange'
  if (merge === 'trimmed') return 'rule'
  return merge === 'l0' && !isStructuredMethod(method) && rounds > 1 ? 'rounds' : null
}

/** Whether the openings of a masked plan have rounds and slots enough. @param blocks - of the model */
export function fitsMasked(plan: Pick<Offer, 'method' | 'merge' | 'rounds'>, blocks: number): boolean {
  return maskedRounds(plan) <= MAX_ROUNDS && maskedSlots(plan, blocks) <= MAX_BLOCKS
}

/** An offer, its canonical bytes and their hash. */
export interface SealedOffer {
  offer: Offer
  bytes: Uint8Array
  /** SHA-256 of the bytes; the invitation carries it. */
  hash: Uint8Array
}

/** An offer before it is sealed. Without a rule of merging it has `l0`; it is open unless it says that it is masked. */
export type OfferTerms = Omit<Offer, 'version' | 'merge' | 'masked'> & Partial<Pick<Offer, 'merge' | 'masked'>>

/** Makes an offer and seals it. @throws {MalformedMessageError} a field out of its range: the founder's own mistake */
export function makeOffer({ merge = 'l0', masked = false, ...offer }: OfferTerms): SealedOffer {
  return decodeOffer(encode({ ...offer, version: PROTOCOL_VERSION, merge, masked }))
}

/** Reads an offer. @throws {MalformedMessageError} also for an offer of another protocol version: see offerVersion */
export function decodeOffer(bytes: Uint8Array): SealedOffer {
  const offer = decode({ what: 'offer', schema: offerSchema, maxBytes: MAX_OFFER_BYTES }, bytes)
  return { offer, bytes, hash: hashOf(bytes) }
}

/**
 * The protocol version that an offer names, even if nothing else of it is understood, so that a joiner can say which
 * version it needs. Null if the bytes are not an offer.
 */
export function offerVersion(bytes: Uint8Array): number | null {
  try {
    const form = { what: 'offer', schema: z.looseObject({ version: integer(0, 0xffff) }), maxBytes: MAX_OFFER_BYTES }
    return decode(form, bytes).version
  } catch {
    return null
  }
}

/** SHA-256. */
export function hashOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/**
 * The size of a quorum: floor(2n/3) + 1. Any two such groups of n share an honest member if fewer than a third of the
 * members are dishonest.
 */
export function quorumOf(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}

/** The number of members that may lie while the rest still agree: floor((n-1)/3). */
export function faultsOf(members: number): number {
  return Math.floor((members - 1) / 3)
}

/** How the contributions to a plan become one. */
export function mergingOf({ merge, members, masked }: Pick<Offer, 'merge' | 'members' | 'masked'>): Merging {
  return { rule: merge, members, faults: merge === 'trimmed' ? faultsOf(members) : 0, masked }
}
