/**
 * The certificates of an output directory: their signatures, and that each follows from the one before. One that is
 * gone does not hide the others, since a quorum has signed each of them.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Plan } from '../../protocols/plan/plan.ts'
import { type MaskedRound, maskedRound } from '../../protocols/round/masked/sums.ts'
import {
  type Certificate,
  certificateFault,
  certificateId,
  decodeCertificate,
} from '../../protocols/round/messages/certificate.ts'
import {
  type Certified,
  type Federation,
  isLast,
  type Value,
  valueFault,
} from '../../protocols/round/messages/value.ts'
import { certificateFile } from '../disk/certificates.ts'
import { CERTIFICATES_NAME } from '../round/output.ts'
import { differs, guarded, missing, readKept } from './faults.ts'

interface CheckedCertificates {
  last: Certified
  /** The number of certificates that were checked. */
  count: number
  /** The number of their signatures. */
  signatures: number
  /** The rounds of a masked plan that have opened a sum, or none since too few sites had come. */
  sums: MaskedRound[]
  /** The rounds before the last one whose certificates are gone. */
  gone: number[]
  /** Names of files that are no certificates of a round. */
  strays: string[]
}

/**
 * @throws {InputError} VERIFY_MISSING: there is none, or the last one is gone
 * @throws {DivergedError} VERIFY_FAILED
 */
export function checkCertificates(dir: string, plan: Plan, federation: Federation): CheckedCertificates {
  const folder = join(dir, CERTIFICATES_NAME)
  const names = existsSync(folder) ? readdirSync(folder) : []
  const rounds = names.flatMap((name) => /^([1-9]\d*)\.cbor$/.exec(name)?.slice(1).map(Number) ?? [])
  let last: Certified | null = null
  let signatures = 0
  const sums: MaskedRound[] = []
  for (const round of rounds.sort((a, b) => a - b)) {
    const path = join(folder, certificateFile(round))
    const certificate = readCertificate(path, plan)
    const { value } = certificate
    const isSeen = last?.value.round === round - 1
    const before = isSeen ? last : unseen(federation, round - 1, value)
    const fault = valueFault(federation, before, value)
    if (fault !== null) throw differs(path, `does not follow: ${fault}`)
    last = { id: certificateId(certificate), value }
    const opened = maskedRound(federation, plan.offer.model.blocks, value)
    if (opened?.phase === 'reveal') sums.push(opened)
    signatures += certificate.signatures.length
  }
  if (last === null) throw missing(join(folder, certificateFile(1)))
  const end = last.value.round
  if (!isLast(federation, last.value)) {
    throw missing(join(folder, certificateFile(end + 1)), `: the federation did not end with round ${end}`)
  }
  const held = new Set(rounds)
  return {
    last,
    count: rounds.length,
    signatures,
    sums,
    gone: Array.from({ length: end }, (_, i) => i + 1).filter((round) => !held.has(round)),
    strays: names.filter((name) => !held.has(Number(/^([1-9]\d*)\.cbor$/.exec(name)?.[1]))),
  }
}

function readCertificate(path: string, plan: Plan): Certificate {
  return guarded(path, () => {
    const certificate = decodeCertificate(readKept(path))
    const fault = certificateFault(plan, certificate)
    if (fault !== null) throw differs(path, `does not certify: wrong ${fault}`)
    return certificate
  })
}

/**
 * The certificate before a value, as far as the value itself tells of it. Where each block is offered once, it had all
 * entries of earlier rounds; else nothing of its manifest is known.
 */
function unseen({ once }: Federation, round: number, value: Value): Certified | null {
  if (round === 0) return null
  const entries = once ? value.entries.filter((entry) => entry.round <= round) : []
  return { id: value.previous ?? '', value: { ...value, round, excluded: [], entries } }
}
