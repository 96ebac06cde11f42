import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { equalMacs, mac, signedBytes, signerOf, u32, verifierOf } from '../../../protocols/wire/signing.ts'
import { flipped } from '../../support/people.ts'

test('keys, peer ids and signatures are those of libp2p', async () => {
  const key = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(5))
  const signer = signerOf(key.raw)
  assert.deepEqual(signer.peerId, new Uint8Array(peerIdFromPrivateKey(key).toMultihash().bytes))
  const bytes = signedBytes('test', new Uint8Array([1, 2, 3]))
  const signature = signer.sign(bytes)
  assert.ok(await key.publicKey.verify(bytes, signature))
  assert.ok(verifierOf(signer.peerId).verify(bytes, new Uint8Array(await key.sign(bytes))))
  for (let bit = 0; bit < 512; bit += 31) assert.ok(!verifierOf(signer.peerId).verify(bytes, flipped(signature, bit)))
  assert.ok(!verifierOf(signer.peerId).verify(bytes, new Uint8Array(3)))
})

test('anything but an Ed25519 peer id or key is refused', () => {
  assert.throws(() => verifierOf(new Uint8Array(38)), RangeError)
  assert.throws(() => verifierOf(new Uint8Array(5)), RangeError)
  assert.throws(() => signerOf(new Uint8Array(32)), RangeError)
})

test('signed bytes begin with their purpose, and integers are four bytes, least significant first', () => {
  assert.equal(Buffer.from(signedBytes('vote', u32(0x01020304))).toString('latin1'), 'coppice/vote/1\0\x04\x03\x02\x01')
  assert.deepEqual(u32(0xffff_ffff), new Uint8Array(4).fill(255))
  for (const bad of [-1, 2 ** 32, 0.5, Number.NaN]) assert.throws(() => u32(bad), RangeError)
})

test('a MAC is HMAC-SHA256 (RFC 4231, test case 2)', () => {
  const text = new TextEncoder()
  const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
  const made = mac(text.encode('Jefe'), text.encode('what do ya want for nothing?'))
  assert.ok(equalMacs(made, new Uint8Array(Buffer.from(expected, 'hex'))))
  assert.ok(!equalMacs(made, made.subarray(1)))
})
