/**
 * The shares of one receiver in one opening, encrypted: AES-256-GCM of the share of b and the share of p, one after the
 * other. Each ciphertext has a key of its own, so that the nonce can be zero.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { SHARE_BYTES, TAG_BYTES } from '../../protocols/masked/constants.ts'
import { derivedKey, u32be } from './derive.ts'
import type { OpeningSecrets } from './reader.ts'

const PURPOSE = 'coppice/share/1'
const CIPHER = 'aes-256-gcm'
const NONCE = new Uint8Array(12)

/** The place of a ciphertext. No two of a plan have the same, and a sheet that was drawn anew has another salt. */
interface ShareContext {
  plan: Uint8Array
  /** The salt of the dealer's sheet. */
  salt: Uint8Array
  opening: number
  /** The dealer. */
  from: number
  /** The receiver. */
  to: number
}

/** @param shared - the secret that the member keys of dealer and receiver share */
export function sealShares(shared: Uint8Array, context: ShareContext, shares: OpeningSecrets): Uint8Array {
  const cipher = createCipheriv(CIPHER, keyOf(shared, context), NONCE, { authTagLength: TAG_BYTES })
  const text = [cipher.update(shares.own), cipher.update(shares.secret), cipher.final()]
  return new Uint8Array(Buffer.concat([...text, cipher.getAuthTag()]))
}

/** Both shares; null: the ciphertext was not made for this place under these keys. */
export function openShares(shared: Uint8Array, context: ShareContext, sealed: Uint8Array): OpeningSecrets | null {
  const decipher = createDecipheriv(CIPHER, keyOf(shared, context), NONCE, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    const text = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
    return { own: new Uint8Array(text.subarray(0, SHARE_BYTES)), secret: new Uint8Array(text.subarray(SHARE_BYTES)) }
  } catch {
    return null
  }
}

function keyOf(shared: Uint8Array, { plan, salt, opening, from, to }: ShareContext): Uint8Array {
  return derivedKey(shared, PURPOSE, plan, salt, u32be(opening, from, to))
}
