/**
 * The streams of an opening. Member i of the scheduled ones S masks with
 *   stream(b_i) + sum over j in S above i of stream(s_ij) - sum over j in S below i of stream(s_ij),
 * where i and j get the same s_ij from X25519, one from p_i and P_j, the other from p_j and P_i. In the sum over the
 * listed members L the streams between two of them cancel. It still holds their own ones, and those with the missing.
 */
import type { Listing } from '../../protocols/masked/reveal.ts'
import type { StreamKey } from '../../src/merge/masked/streams.ts'
import { derivedKey, u32be } from './derive.ts'
import type { KeySheets, OpeningSecrets, SheetReader } from './reader.ts'
import type { Seeds } from './seeds.ts'
import { sharedSecret } from './x25519.ts'

const PURPOSE = 'coppice/stream/1'

/**
 * The streams with which a member masks its vectors of an opening.
 * @param secrets - its own of this opening
 * @throws {RangeError} the member is not scheduled
 */
export function maskingKeys(
  { plan, self }: Pick<SheetReader, 'plan' | 'self'>,
  sheets: KeySheets,
  { opening, scheduled }: Pick<Listing, 'opening' | 'scheduled'>,
  secrets: OpeningSecrets,
): StreamKey[] {
  if (!scheduled.includes(self)) throw new RangeError(`member ${self} is not scheduled for opening ${opening}`)
  const others = scheduled.filter((member) => member !== self)
  return [
    { key: secrets.own, sign: 1 },
    ...others.map((other): StreamKey => {
      const key = pairKey(plan, opening, secrets.secret, sheets[other].openings[opening - 1].key)
      return { key, sign: signOf(self, other) }
    }),
  ]
}

/** The streams that the sum over the listed members still holds. @param seeds - of this listing */
export function openingKeys(plan: Uint8Array, sheets: KeySheets, listing: Listing, seeds: Seeds): StreamKey[] {
  const { opening, listed } = listing
  const own = [...seeds.own.values()].map((key): StreamKey => ({ key, sign: 1 }))
  const withMissing = [...seeds.secret].flatMap(([missing, secret]) =>
    listed.map((member): StreamKey => {
      const key = pairKey(plan, opening, secret, sheets[member].openings[opening - 1].key)
      return { key, sign: signOf(member, missing) }
    }),
  )
  return [...own, ...withMissing]
}

/** The sign with which a member adds its stream with another one. */
function signOf(member: number, other: number): 1 | -1 {
  return other > member ? 1 : -1
}

/** s_ij: the same from either side. @throws {RangeError} a key of low order: the sheets were not checked */
function pairKey(plan: Uint8Array, opening: number, secret: Uint8Array, key: Uint8Array): Uint8Array {
  const shared = sharedSecret(secret, key)
  if (shared === null) throw new RangeError(`a key of opening ${opening} is of low order`)
  return derivedKey(shared, PURPOSE, plan, u32be(opening))
}
