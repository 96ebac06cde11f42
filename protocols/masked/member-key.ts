/**
 * The member key: what a member contributes in the first round of a masked plan. Other members encrypt the shares of
 * their secrets to it.
 */
import { z } from 'zod'
import { MAX_MEMBERS } from '../plan/offer.ts'
import { decode, encode, fixedBytes, integer } from '../wire/encoding.ts'
import { KEY_BYTES } from './constants.ts'

/** The most bytes of a member key: a map (1), `key` (4 + 34), `member` (7 + 2). */
export const MAX_MEMBER_KEY_BYTES = 48

interface MemberKey {
  /** The author's index in the roster. */
  member: number
  /** An X25519 public key. */
  key: Uint8Array
}

const memberKeySchema: z.ZodType<MemberKey> = z.strictObject({
  member: integer(0, MAX_MEMBERS - 1),
  key: fixedBytes(KEY_BYTES),
})

export function encodeMemberKey(memberKey: MemberKey): Uint8Array {
  return encode(memberKey)
}

/** @throws {MalformedMessageError} the bytes are not a member key; whether the key is sound is not checked here */
export function decodeMemberKey(bytes: Uint8Array): MemberKey {
  return decode({ what: 'member key', schema: memberKeySchema, maxBytes: MAX_MEMBER_KEY_BYTES }, bytes)
}
