import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { publicKeyOf, sharedSecret } from '../../../peers/masked/x25519.ts'
import { fromHex } from '../../../protocols/wire/encoding.ts'
import { drawn } from './members.ts'
import { inverted, lowOrderKeys } from './points.ts'

const hex = (text: string) => fromHex(text) as Uint8Array
const BASE = hex('09'.padEnd(64, '0'))

describe('X25519 of raw keys', () => {
  it('gives the values of RFC 7748, section 5.2', () => {
    const vectors = [
      {
        privateKey: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
        publicKey: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
        secret: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
      },
      {
        privateKey: '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
        publicKey: 'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
        secret: '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
      },
    ]
    for (const { privateKey, publicKey, secret } of vectors)
      assert.deepEqual(sharedSecret(hex(privateKey), hex(publicKey)), hex(secret), privateKey)
    const once = '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'
    assert.deepEqual(publicKeyOf(BASE), hex(once))
  })

  it('gives two members one secret', () => {
    const [a, b] = [drawn(), drawn()]
    assert.deepEqual(sharedSecret(a, publicKeyOf(b)), sharedSecret(b, publicKeyOf(a)))
    assert.deepEqual(sharedSecret(a, BASE), publicKeyOf(a))
  })

  it('gives none with a key of low order, in each of its forms', () => {
    for (const [name, key] of lowOrderKeys()) assert.equal(sharedSecret(drawn(), key), null, name)
  })

  it('gives the same secret with a key to which a point of low order was added', () => {
    const [a, key] = [drawn(), publicKeyOf(drawn())]
    assert.notDeepEqual(inverted(key), key)
    assert.deepEqual(sharedSecret(a, inverted(key)), sharedSecret(a, key))
  })
})
