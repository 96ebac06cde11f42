/** A certificate in words: the merged contributions, the change, and the members who signed. */

import { federationOf } from '../../../peers/round/federation.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { siteInWords } from '../../../protocols/plan/site-name.ts'
import { isPersonal } from '../../../protocols/round/masked/phases.ts'
import {
  type Certificate,
  certificateFault,
  certificateId,
  decodeCertificate,
} from '../../../protocols/round/messages/certificate.ts'
import { baseBlocks } from '../../../protocols/round/messages/certified-round.ts'
import { MalformedMessageError } from '../../../protocols/wire/encoding.ts'
import { isStructuredMethod } from '../../../src/form/method.ts'
import { blockOfSlot } from '../../../src/merge/slots.ts'
import type { Run } from '../../command.ts'
import { blocksInWords, counted, percent } from '../../terminal/numbers.ts'
import {
  decidedInWords,
  type MaskedCertificate,
  maskedCertificate,
  type Name,
  type Shown,
} from './masked-certificate.ts'
import { malformedFile, neighbourPlan, outputOf, readInspected } from './neighbours.ts'

interface CertificateReport {
  id: string
  federation: string
  round: number
  /** Id of the certificate of the round before; null in the first round. */
  previous: string | null
  /** Root of the merged layers. */
  root: string
  /** The share of mask bits that moved. */
  maskChange: number
  /** One entry for each contribution in the manifest. Without a plan beside it `block` is the slot: see slots.ts. */
  contributions: Array<Shown & { block: number }>
  /** The rest of a masked plan's manifest, and what the round has decided; null: no plan beside it, or an open one. */
  masked: MaskedCertificate | null
  /** null if there is no plan beside the file. */
  uncovered: number[] | null
  excluded: number[]
  signatures: Array<{ member: number; site: string | null }>
  /** Whether a quorum of the plan's members signed; null if there is no plan beside the file. */
  valid: boolean | null
}

export async function inspectCertificate(path: string, { terminal }: Run): Promise<CertificateReport> {
  const certificate = read(path)
  const plan = neighbourPlan(outputOf(path))
  const report = reportOf(certificate, plan)
  terminal.say(inWords(report, plan, plan === null ? null : certificateFault(plan, certificate)))
  return report
}

function read(path: string): Certificate {
  const bytes = readInspected(path, 'certificate')
  try {
    return decodeCertificate(bytes)
  } catch (error) {
    if (error instanceof MalformedMessageError) throw malformedFile(path, 'certificate', error)
    throw error
  }
}

function reportOf(certificate: Certificate, plan: Plan | null): CertificateReport {
  const { value, signatures } = certificate
  const siteOf = (member: number) => plan?.members[member]?.site ?? null
  const federation = plan === null ? null : federationOf(plan)
  return {
    id: certificateId(certificate),
    federation: value.plan,
    round: value.round,
    previous: value.previous,
    root: value.merged,
    maskChange: value.bits === 0 ? 0 : value.moved / value.bits,
    contributions: value.entries
      .filter(({ block }) => federation === null || !isPersonal(federation, block))
      .map((entry) => ({
        ...entry,
        block: plan === null ? entry.block : blockOfSlot(entry.block, plan.offer.model.blocks),
        site: siteOf(entry.member),
      })),
    masked: plan === null ? null : maskedCertificate(plan, value),
    uncovered: plan === null ? null : baseBlocks(federationOf(plan), plan.offer.model.blocks, value),
    excluded: value.excluded,
    signatures: signatures.map(({ member }) => ({ member, site: siteOf(member) })),
    valid: plan === null ? null : certificateFault(plan, certificate) === null,
  }
}

function inWords(report: CertificateReport, plan: Plan | null, fault: string | null): string {
  const { masked, signatures, uncovered, excluded, valid } = report
  const name = ({ member }: { member: number }) => {
    const known = plan?.members[member]
    return known === undefined ? `member ${member}` : siteInWords(known)
  }
  const things = plan !== null && isStructuredMethod(plan.offer.method) ? 'heads and channels' : 'mask bits'
  const lines = [
    `Certificate ${report.id}`,
    `Round ${report.round}${follows(report.previous)} of federation ${report.federation.slice(0, 8)}.`,
    ...(plan === null || masked === null ? [] : decidedInWords(masked, plan, report.round, name)),
    ...mergedInWords(report, name),
    `The merged layers have the root ${report.root}.`,
    ...(report.previous === null || (masked !== null && report.maskChange === 0)
      ? []
      : [`${percent(report.maskChange)} of the ${things} changed since that certificate.`]),
    `Signed by ${signatures.map(name).join(', ')}.`,
  ]
  if (uncovered !== null && uncovered.length > 0)
    lines.push(`${masked === null ? 'Nobody pruned' : 'Not pruned so far:'} ${blocksInWords(uncovered)}: base weights.`)
  if (excluded.length > 0) lines.push(`Excluded since they voted twice: members ${excluded.join(', ')}.`)
  if (valid === null) lines.push('No plan lies beside it, so the signatures were not checked.')
  else lines.push(valid ? 'The signatures are a quorum of the plan.' : `It is not valid: its ${fault} is wrong.`)
  return lines.join('\n')
}

function mergedInWords(report: CertificateReport, name: Name): string[] {
  const { contributions, masked } = report
  if (masked !== null && contributions.length === 0) return []
  const members = counted(new Set(contributions.map(({ member }) => member)).size, 'member')
  const what =
    masked === null
      ? `It merges ${counted(contributions.length, 'contribution')} of ${members}:`
      : `It has ${counted(contributions.length, 'masked vector')} of ${members}:`
  return [what, ...byMember(report).map(([member, blocks]) => `  ${name(member)}: ${blocks}`)]
}

function follows(previous: string | null): string {
  return previous === null ? ' (the first)' : `, after certificate ${previous.slice(0, 8)},`
}

function byMember({ contributions }: CertificateReport): Array<[{ member: number; site: string | null }, string]> {
  const members = Map.groupBy(contributions, ({ member }) => member)
  return [...members.values()].map((entries) => [
    entries[0],
    entries.map(({ block, round }) => `block ${block} (round ${round})`).join(', '),
  ])
}
