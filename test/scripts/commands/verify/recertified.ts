/** Certificates that all members of a simulation sign anew, as if they had agreed on something else. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identityFromSeed } from '../../../../peers/disk/identity.ts'
import type { Plan } from '../../../../protocols/plan/plan.ts'
import { decodeCertificate, encodeCertificate } from '../../../../protocols/round/messages/certificate.ts'
import { bodyBytes } from '../../../../protocols/round/messages/messages.ts'
import { type ManifestEntry, valueHash } from '../../../../protocols/round/messages/value.ts'
import { equalBytes, toHex } from '../../../../protocols/wire/encoding.ts'
import { type Signer, signerOf } from '../../../../protocols/wire/signing.ts'

/** The seed of a simulation that was given none. */
const SEED = '0'

/** @param change - of the entries of every certificate. Roots of merges stay. */
export async function certifyAnew(
  out: string,
  plan: Plan,
  change: (entries: ManifestEntry[]) => ManifestEntry[],
): Promise<void> {
  const signers = await signersOf(plan)
  const id = toHex(plan.id)
  let previous: string | null = null
  for (let round = 1; round <= readdirSync(join(out, 'certificates')).length; round++) {
    const path = join(out, 'certificates', `${round}.cbor`)
    const { value: before } = decodeCertificate(new Uint8Array(readFileSync(path)))
    const value = { ...before, previous, entries: change(before.entries) }
    previous = valueHash(value)
    const signed = bodyBytes(id, { type: 'precommit', round, attempt: 0, value: previous })
    const signatures = signers.map((signer, member) => ({ member, signature: signer.sign(signed) }))
    rmSync(path)
    writeFileSync(path, encodeCertificate({ value, attempt: 0, signatures }))
  }
}

/** The signers of all members, in the roster's order. */
async function signersOf({ members }: Plan): Promise<Signer[]> {
  const keys = await Promise.all(members.map((_, index) => identityFromSeed(SEED, index)))
  const signers = keys.map(({ raw }) => signerOf(raw))
  return members.map(({ peer }) => {
    const signer = signers.find(({ peerId }) => equalBytes(peerId, peer))
    if (signer === undefined) throw new Error('a member of another seed')
    return signer
  })
}
