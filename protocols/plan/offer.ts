/**
 * What a founder proposes: everything that decides what will be computed. Its hash stands in the invitation, so a
 * joiner knows that it was given the founder's offer and no other. The secret that admits is not part of it.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { StructuredTarget } from '../../src/form/method.ts'
import { type Method, PRUNERS, type SparsityTarget } from '../../src/form/method.ts'
import { decode, encode, fixedBytes, hashSchema, integer, ppmSchema } from '../wire/encoding.ts'
import { peerIdSchema } from '../wire/signing.ts'

/** Raised whenever any bit of mask, merge, encoding or vote changes: peers of two versions never mix. */
export const PROTOCOL_VERSION = 1

/** An offer is a few hundred bytes; this leaves room for a long model name. */
export const MAX_OFFER_BYTES = 4 * 1024
/** Votes and contributions grow with the square of the members; measured up to 16, simulated up to 64. */
export const MAX_MEMBERS = 64
/** 1 is a peer alone: `prune` does that. */
export const MIN_MEMBERS = 2
/** Far beyond where masks still move; bounds what a member may announce ahead of time. */
export const MAX_ROUNDS = 1000
/** Largest open decoders have about 130 blocks. A commit list stays small. */
export const MAX_BLOCKS = 1024
/** Tokens a window: the longest context of any model that a calibration would use. */
export const MAX_WINDOW = 1 << 20
export const MAX_WINDOWS = 1 << 20
/** M of an n:m pattern: hardware knows 4 and 8. */
export const MAX_PATTERN = 256
/** A week: a wait beyond that is a mistake in the unit. */
export const MAX_ROUND_TIMEOUT_MS = 7 * 24 * 3600 * 1000
/** Of training, a site and round: beyond that sites drift apart, and nobody waits as long. */
export const MAX_STEPS = 100_000
export const NONCE_BYTES = 16
const MAX_MODEL_NAME = 200

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u
/** Letters, marks, digits, punctuation and spaces on one line: what may be shown in another site's terminal. */
export const printable = (max: number): z.ZodType<string> =>
  z.string().min(1).max(max).regex(PRINTABLE, 'must be printable')

/** What a model is called, as an offer may say it: a directory may have any name. */
export function asModelName(name: string): string {
  const printed = [...name].map((character) => (PRINTABLE.test(character) ? character : '_')).join('')
  return printed.slice(0, MAX_MODEL_NAME).toWellFormed()
}

export interface Offer {
  version: typeof PROTOCOL_VERSION
  /** The founder's peer id (multihash bytes). */
  founder: Uint8Array
  /** Random: makes each offer, and so each federation, its own. */
  nonce: Uint8Array
  model: {
    /** For people. */
    name: string
    /** SHA-256 that names the base model's bytes. */
    hash: Uint8Array
    parameters: number
    /** Decoder blocks. */
    blocks: number
  }
  method: Method
  merge: 'l0'
  /** The most rounds. */
  rounds: number
  /** Stop early once fewer mask bits than this moved, in ppm; null: never. */
  untilChange: number | null
  /** Capacity of a member that declares none: share of the blocks it prunes a round, in ppm. */
  sample: number
  /** Calibration windows a site. */
  windows: number
  /** Tokens a window. */
  window: number
  /** Members, the founder included. */
  members: number
  /** How long a proposer waits for stragglers; null: max(30 s, what the quorum took), four times in the last round. */
  roundTimeoutMs: number | null
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
      name: printable(MAX_MODEL_NAME),
      hash: hashSchema,
      parameters: integer(1, Number.MAX_SAFE_INTEGER),
      blocks: integer(1, MAX_BLOCKS),
    }),
    method: methodSchema,
    merge: z.literal('l0'),
    rounds: integer(1, MAX_ROUNDS),
    untilChange: ppmSchema.nullable(),
    sample: integer(1, 1_000_000),
    windows: integer(1, MAX_WINDOWS),
    window: integer(2, MAX_WINDOW),
    members: integer(MIN_MEMBERS, MAX_MEMBERS),
    roundTimeoutMs: integer(0, MAX_ROUND_TIMEOUT_MS).nullable(),
  })
  .refine(
    ({ method, model }) => method.pruner !== 'llm-pruner' || method.target.to <= model.blocks,
    'the blocks that lose structures are not all in the model',
  )

/** An offer, its canonical bytes and their hash. */
export interface SealedOffer {
  offer: Offer
  bytes: Uint8Array
  /** SHA-256 of the bytes: what the invitation carries. */
  hash: Uint8Array
}

/** @throws {MalformedMessageError} a field out of its range: the founder's own mistake */
export function makeOffer(offer: Omit<Offer, 'version' | 'merge'>): SealedOffer {
  return decodeOffer(encode({ ...offer, version: PROTOCOL_VERSION, merge: 'l0' }))
}

/** @throws {MalformedMessageError} also for an offer of another protocol version: see offerVersion */
export function decodeOffer(bytes: Uint8Array): SealedOffer {
  const offer = decode({ what: 'offer', schema: offerSchema, maxBytes: MAX_OFFER_BYTES }, bytes)
  return { offer, bytes, hash: hashOf(bytes) }
}

/**
 * The protocol version that an offer names, even where nothing else of it is known, so that a joiner can say which
 * version it needs. Null where the bytes are no offer at all.
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

/** floor(2n/3) + 1: any two such groups of n share a member that is honest, if fewer than a third are not. */
export function quorumOf(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}

/** floor((n-1)/3): so many members may lie and the rest still agree. */
export function faultsOf(members: number): number {
  return Math.floor((members - 1) / 3)
}
