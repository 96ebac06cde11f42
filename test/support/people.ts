/** Members, offers and plans for tests: keys are seeded, so that everything is the same every time. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { makeAcceptance } from '../../protocols/plan/acceptance.ts'
import { makeOffer, type Offer, type SealedOffer } from '../../protocols/plan/offer.ts'
import { makePlan, type Plan } from '../../protocols/plan/plan.ts'
import { type Signer, signerOf } from '../../protocols/wire/signing.ts'

export const SECRET = new Uint8Array(16).fill(7)

/** A signer whose key has this number everywhere. */
export function person(number: number): Signer {
  const seed = new Uint8Array(32).fill(number)
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  const publicKey = key.export({ format: 'der', type: 'spki' }).subarray(-32)
  return signerOf(new Uint8Array([...seed, ...publicKey]))
}

export function anOffer(changes: Partial<Offer> = {}): SealedOffer {
  return makeOffer({
    founder: person(1).peerId,
    nonce: new Uint8Array(16).fill(9),
    model: { name: 'a model', hash: new Uint8Array(32).fill(3), parameters: 1_000_000, blocks: 6 },
    method: { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 600_000 } },
    rounds: 2,
    untilChange: null,
    sample: 500_000,
    windows: 4,
    window: 128,
    members: 4,
    roundTimeoutMs: null,
    ...changes,
  })
}

/** A plan of members 1..n, and their signers in the roster's order. */
export function aPlan(changes: Partial<Offer> = {}): { plan: Plan; signers: Signer[] } {
  const sealed = anOffer(changes)
  const people = Array.from({ length: sealed.offer.members }, (_, i) => person(i + 1))
  const acceptances = people.map((signer, i) => {
    return makeAcceptance(signer, { offer: sealed.hash, secret: SECRET, site: `site ${i}`, capacity: 500_000 })
  })
  const plan = makePlan(sealed, acceptances, SECRET)
  const signers = plan.members.map(
    ({ peer }) => people.find(({ peerId }) => Buffer.compare(peerId, peer) === 0) as Signer,
  )
  return { plan, signers }
}

/** Flips one bit. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  copy[bit >> 3] ^= 1 << (bit & 7)
  return copy
}
