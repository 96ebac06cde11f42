/**
 * The parts of a masked plan in words: keys, key sheets, reveals and masked vectors. Their bytes tell what they are;
 * the plan and the certificates beside them tell who has shown them, and for what. No secret is printed, not even one
 * that is revealed: what matters of it is whose it is.
 */
import { decodeKeySheet, type SecretKind, sheetSizeOf } from '../../../protocols/masked/key-sheet.ts'
import { decodeMemberKey } from '../../../protocols/masked/member-key.ts'
import { decodeReveal, type Listing, type Reveal, revealedKind } from '../../../protocols/masked/reveal.ts'
import { MAX_MEMBERS, quorumOf } from '../../../protocols/plan/offer.ts'
import { MalformedMessageError, toHex } from '../../../protocols/wire/encoding.ts'
import { maskedKindOf, type VectorForm } from '../../../src/merge/masked/vector.ts'
import { SUMMED } from '../../report/masked-sums.ts'
import { counted } from '../../terminal/numbers.ts'

/** Facts that the files beside a part tell. */
export interface Beside {
  /** A member for people. */
  name(member: number): string
  /** The list that a reveal is for; null: not known. */
  listing: Listing | null
  /** Whether the sum that a vector is in is opened by the last certificate; null: not known. */
  isOpened: boolean | null
}

/** The seed of a member's own stream, or its private key: the list tells which. */
type Revealed = SecretKind | 'unknown'

/** A part of a masked plan, as its bytes say. */
export type MaskedPart =
  | {
      payload: 'key'
      /** An X25519 public key, hexadecimal. */
      key: string
    }
  | {
      payload: 'key sheet'
      openings: number
      /** The number of members to which shares are dealt, and of those that can put a secret together. */
      receivers: number
      needed: number
    }
  | {
      payload: 'reveal'
      opening: number
      /** The secret of its author that it shows; null: none, since the author is not of this opening. */
      own: Revealed | null
      /** The members whose shares it shows, and of which secret. */
      shares: { member: number; of: Revealed }[]
    }
  | {
      payload: 'masked vector'
      of: VectorForm['kind']
      /** null: not known. */
      isOpened: boolean | null
    }

/** null: the bytes are no such part. */
export function maskedPartOf(bytes: Uint8Array, { isOpened, listing }: Beside): MaskedPart | null {
  const of = maskedKindOf(bytes)
  if (of !== null) return { payload: 'masked vector', of, isOpened }
  const readers = [() => keyOf(bytes), () => sheetOf(bytes), () => revealOf(decodeReveal(bytes, MAX_MEMBERS), listing)]
  for (const read of readers) {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error
    }
  }
  return null
}

function keyOf(bytes: Uint8Array): MaskedPart {
  return { payload: 'key', key: toHex(decodeMemberKey(bytes).key) }
}

function sheetOf(bytes: Uint8Array): MaskedPart {
  const size = sheetSizeOf(bytes)
  decodeKeySheet(bytes, size)
  const { members, openings } = size
  return { payload: 'key sheet', openings, receivers: members - 1, needed: quorumOf(members) }
}

function revealOf({ member, opening, own, shares }: Reveal, listing: Listing | null): MaskedPart {
  const kindOf = (dealer: number): Revealed => (listing && revealedKind(listing, dealer)) ?? 'unknown'
  return {
    payload: 'reveal',
    opening,
    own: own === null ? null : kindOf(member),
    shares: shares.map((share) => ({ member: share.member, of: kindOf(share.member) })),
  }
}

const SECRETS: Record<Revealed, string> = {
  own: 'the seed of its own stream',
  secret: 'the private key of its streams with others',
  unknown: 'a secret of its own',
}

const SHARES: Record<Revealed, string> = {
  own: 'shares of the seeds of members in the list',
  secret: 'shares of the private keys of members that are not in the list',
  unknown: 'shares of secrets, seeds of those in the list and private keys of the others',
}

export function partInWords(part: MaskedPart, { name }: Beside): string[] {
  switch (part.payload) {
    case 'key':
      return [`It carries an X25519 public key, to which others encrypt shares of their secrets: ${part.key}`]
    case 'key sheet':
      return [
        `It commits its author to two secrets for each of ${counted(part.openings, 'opening')}, and deals shares of both ` +
          `to ${counted(part.receivers, 'other member')}, encrypted to each. ` +
          `Any ${part.needed} members can put one of the two together; who is honest never does so for both.`,
      ]
    case 'reveal':
      return revealInWords(part, name)
    case 'masked vector':
      return vectorInWords(part)
  }
}

function revealInWords({ opening, own, shares }: MaskedPart & { payload: 'reveal' }, name: Beside['name']): string[] {
  const lines = (['own', 'secret', 'unknown'] as const).flatMap((kind) => {
    const members = shares.filter(({ of }) => of === kind).map(({ member }) => name(member))
    return members.length === 0 ? [] : [`  ${SHARES[kind]}: ${members.join(', ')}`]
  })
  return [
    `It serves to open the sum of opening ${opening}, and no single part of it. Its author shows:`,
    ...(own === null ? [] : [`  ${SECRETS[own]}`]),
    ...lines,
  ]
}

function vectorInWords({ of, isOpened }: MaskedPart & { payload: 'masked vector' }): string[] {
  const hidden = `It carries ${SUMMED[of]} as whole numbers that hide behind streams: by itself it says nothing.`
  if (isOpened === null) return [hidden]
  return [hidden, isOpened ? 'The sum that it is in is opened.' : 'The sum that it is in is not opened.']
}
