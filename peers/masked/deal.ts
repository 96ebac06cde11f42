/** Makes a key sheet: commits a member to its secrets, and deals shares of them to all others. */
import { randomBytes } from 'node:crypto'
import { split } from 'shamir-secret-sharing'
import { SALT_BYTES } from '../../protocols/masked/constants.ts'
import type { KeySheet, SheetOpening } from '../../protocols/masked/key-sheet.ts'
import { hashOf, quorumOf } from '../../protocols/plan/offer.ts'
import type { OpeningSecrets, SheetReader } from './reader.ts'
import { sealShares } from './sealed-shares.ts'
import { publicKeyOf, sharedSecret } from './x25519.ts'

/**
 * A new sheet. Two calls give two sheets: salt and polynomials are drawn at random.
 * @param secrets - those of opening o at o - 1
 * @throws {RangeError} a member's key is of low order: see memberKeyFault
 */
export async function dealSheet(dealer: SheetReader, secrets: readonly OpeningSecrets[]): Promise<KeySheet> {
  const salt = new Uint8Array(randomBytes(SALT_BYTES))
  const shared = dealer.keys.map((key, to) => {
    const secret = to === dealer.self ? null : sharedSecret(dealer.privateKey, key)
    if (to !== dealer.self && secret === null) throw new RangeError(`the key of member ${to} is of low order`)
    return secret
  })
  const openings: SheetOpening[] = []
  for (const [index, pair] of secrets.entries()) {
    openings.push({
      key: publicKeyOf(pair.secret),
      own: hashOf(pair.own),
      secret: hashOf(pair.secret),
      shares: await dealtShares(dealer, salt, index + 1, shared, pair),
    })
  }
  return { member: dealer.self, salt, openings }
}

/** Shares for all members but the dealer, whose own share of each secret is thrown away. */
async function dealtShares(
  { plan, self: from, keys }: SheetReader,
  salt: Uint8Array,
  opening: number,
  shared: readonly (Uint8Array | null)[],
  pair: OpeningSecrets,
): Promise<SheetOpening['shares']> {
  const members = keys.length
  const own = await split(pair.own, members, quorumOf(members))
  const secret = await split(pair.secret, members, quorumOf(members))
  return shared.flatMap((secretOfTwo, to) => {
    if (secretOfTwo === null) return []
    const shares = { own: own[to], secret: secret[to] }
    const sealed = sealShares(secretOfTwo, { plan, salt, opening, from, to }, shares)
    return [{ sealed, own: hashOf(shares.own), secret: hashOf(shares.secret) }]
  })
}
