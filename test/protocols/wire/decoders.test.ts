import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode as decodeCbor } from 'cborg'
import { decodeKeySheet, encodeKeySheet, type KeySheet } from '../../../protocols/masked/key-sheet.ts'
import { decodeMemberKey, encodeMemberKey } from '../../../protocols/masked/member-key.ts'
import { decodeReveal, encodeReveal } from '../../../protocols/masked/reveal.ts'
import { decodeOffer } from '../../../protocols/plan/offer.ts'
import { decodePlan, decodeSignedPlan, encodeSignedPlan, signPlan } from '../../../protocols/plan/plan.ts'
import { decodeCertificate, encodeCertificate } from '../../../protocols/round/messages/certificate.ts'
import {
  type Body,
  decodeBody,
  decodeEnvelope,
  encodeBody,
  encodeEnvelope,
  makeEnvelope,
  makeEvidence,
} from '../../../protocols/round/messages/messages.ts'
import {
  decodeCommitList,
  decodeValue,
  encodeCommitList,
  encodeValue,
  type Value,
} from '../../../protocols/round/messages/value.ts'
import { encode, toHex } from '../../../protocols/wire/encoding.ts'
import { aPlan, flipped } from '../../support/people.ts'

const HASH = 'ab'.repeat(32)
const { plan, signers } = aPlan()
const ID = toHex(plan.id)
const [ONE, OTHER] = [HASH, ID].map((root) => makeEnvelope(signers[0], ID, 0, { type: 'commit', round: 1, root }))
const BODIES: Body[] = [
  { type: 'commit', round: 1, root: HASH },
  { type: 'proposal', round: 1, attempt: 0, value: HASH, polRound: -1 },
  { type: 'prevote', round: 1, attempt: 0, value: null },
  { type: 'status', round: 1, step: 'collect', attempt: 0, certificate: HASH, beat: 1 },
  makeEvidence(ONE, OTHER),
]
const VALUE: Value = {
  plan: ID,
  round: 2,
  previous: HASH,
  excluded: [3],
  entries: [{ member: 0, block: 0, round: 1, root: HASH }],
  merged: HASH,
  moved: 1,
  bits: 2,
}
const SIGNATURES = [{ member: 0, signature: new Uint8Array(64) }]

const BYTES = new Uint8Array(32)
const SHARE = { member: 1, share: new Uint8Array(33) }
const DEALT = { sealed: new Uint8Array(82), own: BYTES, secret: BYTES }
const SHEET: KeySheet = {
  member: 1,
  salt: new Uint8Array(16),
  openings: [{ key: BYTES, own: BYTES, secret: BYTES, shares: [DEALT, DEALT] }],
}

interface Decoder {
  id: string
  bytes: Uint8Array
  decode(bytes: Uint8Array): unknown
}

const SIGNED = encodeSignedPlan({ plan, signatures: signers.map((signer) => signPlan(signer, plan).signature) })
const DECODERS: Decoder[] = [
  { id: 'signed plan', bytes: SIGNED, decode: decodeSignedPlan },
  { id: 'plan', bytes: plan.bytes, decode: (bytes) => decodePlan(bytes, null) },
  { id: 'offer', bytes: (decodeCbor(plan.bytes) as { offer: Uint8Array }).offer, decode: decodeOffer },
  { id: 'value', bytes: encodeValue(VALUE), decode: decodeValue },
  {
    id: 'certificate',
    bytes: encodeCertificate({ value: VALUE, attempt: 1, signatures: SIGNATURES }),
    decode: (bytes) => decodeCertificate(bytes),
  },
  { id: 'commit list', bytes: encodeCommitList([{ block: 0, root: HASH, bytes: 3 }]), decode: decodeCommitList },
  { id: 'member key', bytes: encodeMemberKey({ member: 1, key: BYTES }), decode: decodeMemberKey },
  {
    id: 'key sheet',
    bytes: encodeKeySheet(SHEET),
    decode: (bytes) => decodeKeySheet(bytes, { members: 3, openings: 1 }),
  },
  {
    id: 'reveal',
    bytes: encodeReveal({ member: 0, opening: 1, own: null, shares: [SHARE] }),
    decode: (bytes) => decodeReveal(bytes, 3),
  },
  ...BODIES.flatMap((body) => [
    { id: `${body.type} in a journal`, bytes: encodeBody(body), decode: decodeBody },
    { id: body.type, bytes: encodeEnvelope(makeEnvelope(signers[0], ID, 0, body)), decode: decodeEnvelope },
  ]),
]

/** Values that nobody expects anywhere. */
const ODD = [null, -1, 2 ** 53 - 1, 1.5, '', '__proto__', [], [[]], {}, new Uint8Array(), new Uint8Array(32), true]

type Tree = unknown
type Path = string[]

function pathsOf(tree: Tree, at: Path = []): Path[] {
  if (tree === null || typeof tree !== 'object' || tree instanceof Uint8Array) return [at]
  return [at, ...Object.entries(tree).flatMap(([key, below]) => pathsOf(below, [...at, key]))]
}

/** The tree with another value at this place. */
function replaced(tree: Tree, [key, ...rest]: Path, value: unknown): Tree {
  if (key === undefined) return value
  const copy = Array.isArray(tree) ? [...tree] : { ...(tree as object) }
  return Object.assign(copy, { [key]: replaced((tree as Record<string, Tree>)[key], rest, value) })
}

/** Each bit flipped, each length, and each part replaced by something odd. */
function* variants(bytes: Uint8Array): Generator<Uint8Array> {
  // A plan takes 2 ms to check: of long messages every seventh bit does.
  for (let bit = 0; bit < bytes.length * 8; bit += bytes.length > 500 ? 7 : 1) yield flipped(bytes, bit)
  for (let length = 0; length < bytes.length; length += 3) yield bytes.subarray(0, length)
  const tree = decodeCbor(bytes)
  for (const path of pathsOf(tree)) for (const odd of ODD) yield encode(replaced(tree, path, odd))
}

for (const { bytes, decode, id } of DECODERS) {
  test(`${id}: whatever the bytes are, the decoder gives a message or says what is wrong with it`, () => {
    decode(bytes)
    for (const variant of variants(bytes)) {
      try {
        decode(variant)
      } catch (error) {
        const { code, message } = error as Error & { code?: string }
        assert.ok(code === 'MESSAGE_MALFORMED' || code === 'PLAN_INVALID', `${message}: ${toHex(variant)}`)
      }
    }
  })
}
