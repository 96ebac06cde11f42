/** X25519 (RFC 7748) over raw keys of 32 bytes. Node takes them in the forms of RFC 8410, sections 4 and 7. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'

/** The beginnings of SubjectPublicKeyInfo and PKCS #8 of an X25519 key, up to its 32 bytes. */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** The public key of a private key. Any 32 bytes are a private key. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const der = createPublicKey(privateObject(privateKey)).export({ format: 'der', type: 'spki' })
  return new Uint8Array(der.subarray(SPKI_PREFIX.byteLength))
}

/**
 * The secret that two keys share: 32 bytes. null: the public key is of low order, so that the secret is zero whoever
 * asks (RFC 7748, section 6.1). OpenSSL refuses to give such a secret.
 */
export function sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null {
  const keys = { privateKey: privateObject(privateKey), publicKey: publicObject(publicKey) }
  try {
    return new Uint8Array(diffieHellman(keys))
  } catch {
    return null
  }
}

function privateObject(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' })
}

function publicObject(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' })
}
