/** Sizes of keys, secrets and shares in masked plans. They are fixed by the primitives, so each message has a limit. */
import { MAX_ROUNDS } from '../plan/offer.ts'

/** An X25519 public key (RFC 7748, section 5). */
export const KEY_BYTES = 32
/** Both secrets of an opening: the seed of a member's own stream, and an X25519 private key. */
export const SECRET_BYTES = 32
/** Random bytes that make the key of every ciphertext in a sheet unlike those of all other sheets. */
export const SALT_BYTES = 16
/** A Shamir share: a byte for each byte of the secret, and last the place x at which the polynomials were taken. */
export const SHARE_BYTES = SECRET_BYTES + 1
/** The tag of AES-GCM. */
export const TAG_BYTES = 16
/** The ciphertext for one receiver: a share of each of the two secrets, and the tag. */
export const SEALED_BYTES = 2 * SHARE_BYTES + TAG_BYTES
/** Two rounds come before the first opening (keys and sheets), and each opening takes two (list and reveal): 499. */
export const MAX_OPENINGS = (MAX_ROUNDS - 2) / 2
